"""What is decided so far in the search for a training, and what was left aside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbdebug.errors import SetupError
from nbdebug.notebook.candidates import Variable, candidates, has_usual_name

SAY = "%nbdebug setup"  # how to say otherwise


@dataclass(frozen=True)
class Taken:
    """A variable that got a role."""

    role: str
    variable: str  # as one would write it in a cell
    value: Any
    why: str


@dataclass(frozen=True)
class LeftAside:
    """A variable that could have had a role."""

    role: str
    variable: str
    why: str


@dataclass
class Search:
    """What is decided so far; later roles look at earlier ones."""

    namespace: Mapping[str, Any]
    taken: dict[str, Taken] = field(default_factory=dict)
    left_aside: list[LeftAside] = field(default_factory=list)

    def candidates(self, role: str) -> list[Variable]:
        return candidates(self.namespace, role)

    def optimizers(self) -> list[Variable]:
        """The optimizer that was said, else all there are."""
        stated = self.taken.get("optimizer")
        return [Variable(stated.value, (stated.variable,))] if stated else self.candidates("optimizer")

    def take(self, role: str, chosen: Iterable[Variable], why: str) -> None:
        chosen = list(chosen)
        value = chosen[0].value if len(chosen) == 1 else tuple(v.value for v in chosen)
        text = chosen[0].name if len(chosen) == 1 else f"({listed(chosen)})"
        also = "".join(f", also called {' and '.join(v.names[1:])}" for v in chosen if len(v.names) > 1)
        self.taken[role] = Taken(role, text, value, why + also)

    def leave(self, role: str, variables: Iterable[Variable], why: str) -> None:
        self.left_aside += [LeftAside(role, v.name, why) for v in variables]

    def value(self, role: str) -> Any:
        return self.taken[role].value if role in self.taken else None


def by_usual_name(several: list[Variable], role: str, trouble: str) -> tuple[list[Variable], list[Variable]]:
    """The one variable with a usual name, and the others.

    Raises:
        SetupError: none or more than one has such a name.
    """
    usual = [v for v in several if has_usual_name(v, role)]
    if len(usual) != 1:
        raise SetupError(trouble if role == "setup" else f"{trouble}: say which, as in {SAY} {role}={several[0].name}")
    return usual, [v for v in several if v is not usual[0]]


def listed(variables: Iterable[Variable]) -> str:
    return ", ".join(v.name for v in variables)
