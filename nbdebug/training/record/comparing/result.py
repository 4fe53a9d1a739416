"""Two runs side by side, as plain values, and how they are laid out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug.data.comparing import Comparison
from nbdebug.page import Curve, Note, Panel, Table

FORWARD, UPDATE, EITHER, LENGTH, NOWHERE = "what is computed", "the update", "either", "how long", "nothing that is learnt"
MOST = 600  # points of a curve that are drawn
LOG_FROM = 100.0  # our choice, as in fit: a loss that spans two decades shows nothing of its end on a linear axis
SHOWN = 40  # changes in the table


@dataclass(frozen=True)
class Change:
    """One thing that is another in b."""

    kind: str  # data, start, model, setup, config, code, environment, git
    what: str
    a: str
    b: str
    acts: str  # where it can make a difference: FORWARD, UPDATE, EITHER, LENGTH, NOWHERE
    weight: float  # how likely it is to matter; for the order alone
    words: str = ""  # for a sentence, where "what, a → b" is not enough


@dataclass(frozen=True)
class Diff:
    """The text of a cell or file in a and in b."""

    name: str
    text: str  # unified


@dataclass(frozen=True)
class DataBeside:
    """One loader's data in a beside that in b."""

    name: str
    sentence: str
    same: bool | None  # None: nobody knows
    compared: Comparison | None  # None where one of them was not read, or nothing is different


@dataclass(frozen=True)
class Line:
    """A metric in both runs."""

    name: str
    steps: tuple[tuple[float, ...], tuple[float, ...]]  # of a, of b
    values: tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Side:
    """One of the two."""

    id: str
    name: str
    state: str
    step: int
    seconds: float | None
    findings: tuple[str, ...]  # codes
    failure: str = ""
    resumed_from: str = ""


@dataclass(frozen=True)
class RunsCompared:
    """What changed from a to b."""

    a: Side
    b: Side
    sentence: str  # what is likely to matter, the first first
    changes: tuple[Change, ...]  # likeliest first
    lines: tuple[Line, ...]
    diffs: tuple[Diff, ...] = ()
    data: tuple[DataBeside, ...] = ()
    unknown: tuple[str, ...] = ()  # what could not be compared, and why

    def panels(self) -> tuple[Panel, ...]:
        """The verdict, the changes, the curves over each other, then texts and data."""
        return tuple(self._panels())

    def _panels(self) -> Iterator[Panel]:
        yield Note("what changed, and what of it matters", self.sentence)
        if self.changes:
            rows = tuple((one.what, one.a, one.b, one.kind, one.acts) for one in self.changes[:SHOWN])
            caption = f"{SHOWN} of {len(self.changes)}, the likeliest first" if len(self.changes) > SHOWN else "the likeliest first"
            yield Table("what changed", ("what", "a", "b", "where it stands", "can change"), rows, caption)
        yield from map(_curve, self.lines)
        yield Table("the two runs", ("", "a", "b"), _sides(self.a, self.b))
        yield from (Note(f"{diff.name}, a → b", diff.text, kind="code") for diff in self.diffs)
        for one in self.data:
            yield Note(f"{one.name} of a beside b", one.sentence)
            if one.compared is not None:
                yield from (panel for panel in one.compared.panels() if isinstance(panel, Table))
        if self.unknown:
            yield Note("what could not be compared", "\n".join(self.unknown))


def _sides(a: Side, b: Side) -> tuple[tuple[str | float | None, ...], ...]:
    rows: list[tuple[str | float | None, ...]] = [("run", a.id, b.id)]
    told = [("name", a.name, b.name), ("state", a.state, b.state), ("failed because", a.failure, b.failure), ("resumed from", a.resumed_from, b.resumed_from)]
    rows += [row for row in told if row[1] or row[2]]
    rows += [("steps", a.step, b.step), ("seconds", a.seconds, b.seconds)]
    return (*rows, ("findings", ", ".join(a.findings) or "none", ", ".join(b.findings) or "none"))


def _curve(line: Line) -> Curve:
    """Both over their own steps."""
    parts = [_thinned(steps, values) for steps, values in zip(line.steps, line.values, strict=True)]
    finite = [value for _, values in parts for value in values if value == value and abs(value) != float("inf")]
    log = bool(finite) and min(finite) > 0 and max(finite) / min(finite) > LOG_FROM
    (steps, a), (others, b) = parts
    return Curve(line.name, {"a": a, "b": b}, steps, log_y=log, own_x={"b": others})


def _thinned(steps: tuple[float, ...], values: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    each = -(-len(steps) // MOST) or 1
    kept = range(len(steps) - 1, -1, -each)  # the last one is always there
    return tuple(steps[i] for i in reversed(kept)), tuple(values[i] for i in reversed(kept))
