"""Parameters that move the loss and get no gradient: which `detach()` or `no_grad` all their ways to the loss go through."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor

from nbdebug.findings import Location
from nbdebug.instruments.gradcheck.held import Cut, Held
from nbdebug.instruments.gradcheck.result import STOPPED, GradientRow
from nbdebug.instruments.gradcheck.taylor import random_signs
from nbdebug.instruments.gradcheck.trial import Point
from nbdebug.source_lines import SourceLine, location_fields

if TYPE_CHECKING:
    from nbdebug.instruments.gradcheck.rows import Rows

MOVES = (1e-2, 1.0)  # relative to the weights; the second for what goes through an argmax or a rounding; our choice
CHANGES = 1e4  # roundings of the loss; a bias before a batch norm moves it by a few; our choice
ARRIVES_NOT = "no gradient arrives: "
MOST_LINES = 40  # places of which those on the way are looked for, by one evaluation each
MOST_NAMED = 3  # places in one sentence


class CutWays:
    """Moves a leaf that no gradient reaches, with nothing held: does the loss follow?

    Args:
        rows: counts the evaluations, and has the step.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows, self.trial = rows, rows.trial
        self._known: list[tuple[Cut, ...]] = []  # what cut others off: tried first

    def told(self, row: GradientRow, point: Point) -> GradientRow | None:
        """The row with the places that stop its gradient; None when the loss does not change with it anyway."""
        if not point.record.values:
            return None
        signs = random_signs(self.trial.base[row.name], seed=3) * self.trial.size(row.name)
        for moved in MOVES:
            moves = {row.name: signs * moved}
            change = self._change(point, moves, Held(None, wide=self.trial.wide))
            if self._counts(point, change):
                cuts = self._on_the_way(point, moves)
                place = Location(operator=cuts[0].what, **location_fields(cuts[0].line)) if cuts else None
                return replace(row, verdict=STOPPED, reason=ARRIVES_NOT + _said(cuts), stopped_at=place, unheld=change, moved=moved)
        return None

    def _on_the_way(self, point: Point, moves: dict[str, Tensor]) -> tuple[Cut, ...]:
        """The fewest places that, held alone, keep the loss from changing; of several in a row the first."""
        for known in self._known:
            if self._suffice(point, moves, known):
                return known
        every = tuple(dict.fromkeys(point.record.cuts.values()))
        if len(every) > MOST_LINES or not self._suffice(point, moves, every):
            return ()
        needed = every
        for cut in reversed(every):
            fewer = tuple(other for other in needed if other != cut)
            needed = fewer if self._suffice(point, moves, fewer) else needed
        if needed:
            self._known.append(needed)
        return needed

    def _suffice(self, point: Point, moves: dict[str, Tensor], cuts: tuple[Cut, ...]) -> bool:
        released = frozenset(point.record.cuts.values()) - frozenset(cuts)
        change = self._change(point, moves, Held(point.record, wide=self.trial.wide, released=released))
        return math.isfinite(change) and not self._counts(point, change)  # a step that goes another way gives NaN

    def _change(self, point: Point, moves: dict[str, Tensor], held: Held) -> float:
        self.rows.evaluations += 1
        return self.trial.loss(point, moves, held=held) - point.loss

    def _counts(self, point: Point, change: float) -> bool:
        return abs(change) > CHANGES * self.trial.epsilon * max(abs(point.loss), 1.0)


def _said(cuts: tuple[Cut, ...]) -> str:
    if not cuts:
        return "every way to the loss is cut, in a place that was not found"
    places = [f"{cut.what} at {_place(cut.line)}" if cut.line else cut.what for cut in cuts]
    more = f" or {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
    return f"every way to the loss goes through {' or '.join(places[:MOST_NAMED])}{more}"


def _place(line: SourceLine) -> str:
    return str(Location(**location_fields(line)))
