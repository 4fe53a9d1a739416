"""What a model carries from one step to the next in plain attributes: a hidden state, a count of its calls."""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn

from nbdebug.nonfinite.kept.copies import Copies
from nbdebug.untouched.session import HOOKS
from nbdebug.untouched.walk import own_methods

MOST_STATES = 64  # in one tuple; our choice, more layers than a recurrent model has
REGISTERED = {"_parameters", "_buffers", "_modules", "training"} | HOOKS  # somebody else's business


class Carried:
    """The attributes that the models' own forward code assigns, and those that hold tensors."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._owners = [(module, names) for module in modules if (names := carried_names(module))]
        self._places = [(vars(module), names) for module, names in self._owners]
        self._copies = Copies(())
        self._held: list[tuple[dict[str, Any], list[tuple[str, Any]]]] = []

    def __bool__(self) -> bool:
        return bool(self._places)

    def renew(self) -> Carried:
        """As it is now."""
        if self._places:
            self._held = [(attributes, [(n, attributes[n]) for n in names if n in attributes]) for attributes, names in self._places]
            self._copies = self._copies.renew([t for _, items in self._held for _, value in items for t in _tensors(value)])
        return self

    @property
    def limits(self) -> list[str]:
        return self._copies.limits

    def noted(self) -> Iterator[tuple[nn.Module, str, Any]]:
        """Module, name of the attribute, the object that it was."""
        for (module, _), (_, items) in zip(self._owners, self._held, strict=True):
            yield from ((module, name, value) for name, value in items)

    def saved(self) -> dict[int, Tensor]:
        """id of a carried tensor → its values."""
        return self._copies.saved()

    def restore(self) -> None:
        for (attributes, items), (_, names) in zip(self._held, self._places, strict=True):
            for name in names - dict(items).keys():
                attributes.pop(name, None)
            attributes.update(items)
        self._copies.restore()


def carried_names(module: nn.Module) -> frozenset[str]:
    """The names of these attributes of one module."""
    if type(module).__module__.startswith("torch."):
        return frozenset()
    holding = (name for name, value in vars(module).items() if name not in REGISTERED and next(_tensors(value), None) is not None)
    return frozenset(holding) | _assigned(type(module))


def _tensors(value: Any, depth: int = 0) -> Iterator[Tensor]:
    """A hidden state: a tensor, or a few of them in tuples and lists. A longer list is a store of something else."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)) and len(value) <= MOST_STATES and depth < 2:
        for item in value:
            yield from _tensors(item, depth + 1)


@functools.lru_cache(maxsize=1024)
def _assigned(kind: type) -> frozenset[str]:
    """The names that a class's own code assigns while it runs; of registered parts only, when they are assigned too."""
    codes = [method.__code__ for method in own_methods(kind)]
    return frozenset(s.argval for code in codes for s in dis.get_instructions(code) if s.opname == "STORE_ATTR") - REGISTERED
