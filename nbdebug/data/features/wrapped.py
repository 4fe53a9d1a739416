"""Columns that were cast to 16 bits and wrapped round before anything could be heard: they fill all the numbers that there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.between.vectors import evenly
from nbdebug.data.features.matrix import NUMBER, Goal, Matrix

NUMBERS = 65536
FILLED = 0.98  # of them, from the lowest to the highest; our choice
ENDS, THERE = 0.05, 0.005  # share of the numbers at either end, and of the rows that must lie there: a tail thins out, what wrapped goes on at the other side
CUT_OFF = 0.01  # of the rows at the very end: there values were clipped
FEWEST, ASKED = 200, 24  # rows; numbers of which it is asked first
EVEN = 0.05  # of a step, that numbers may lie off it
CUTS = 32  # places at which the circle is opened
TELLS, TWICE, CORRELATED = 0.1, 0.5, 50.0  # R², and n R², that the opened circle must reach, and what of it the column as it is may; our choice


@dataclass(frozen=True)
class WrappedColumn:
    """A column whose numbers, scaled or not, are 65,536 even steps from end to end."""

    field: str
    column: str
    low: float  # share of the rows at either end
    high: float
    by_value: float  # R² of the target on the column
    unwrapped: float  # the same when it is cut open elsewhere, and the one end is put behind the other

    @property
    def certain(self) -> bool:
        """Whether the target goes on from the one end to the other."""
        return self.unwrapped >= TELLS and self.by_value <= TWICE * self.unwrapped


def wrapped_columns(table: Matrix, goal: Goal, rows: numpy.ndarray) -> tuple[WrappedColumn, ...]:
    """All such columns.

    Args:
        rows: (n,) with a target.
    """
    numbers = [column for column in range(table.width) if table.kinds[column] == NUMBER] if len(table.values) >= FEWEST else []
    return tuple(found for column in numbers for found in _wrapped(table, column, goal, rows))


def _wrapped(table: Matrix, column: int, goal: Goal, rows: numpy.ndarray) -> Iterator[WrappedColumn]:
    values = table.values[:, column]
    steps = _steps(values[numpy.isfinite(values)])
    if steps is None:
        return
    low, high = float((steps < ENDS * NUMBERS).mean()), float((steps > steps.max() - ENDS * NUMBERS).mean())
    if min(low, high) < THERE or max((steps == 0).sum(), (steps == steps.max()).sum()) >= CUT_OFF * len(steps):
        return
    by_value, unwrapped = 0.0, 0.0
    if len(rows) >= FEWEST and numpy.isfinite(values[rows]).all():
        by_value, unwrapped = _told(_steps(values[rows], values), goal.values[rows], bool(goal.classes))
    yield WrappedColumn(table.fields[column], table.names[column], low, high, by_value, unwrapped if unwrapped * len(rows) >= CORRELATED else 0.0)


def _steps(values: numpy.ndarray, like: numpy.ndarray | None = None) -> numpy.ndarray | None:
    """Whole numbers from 0 that the values are steps of; None where they do not fill 16 bits."""
    levels = numpy.unique(values if like is None else like)
    if len(levels) < FEWEST:
        return None
    lengths = numpy.arange(round(FILLED * NUMBERS), NUMBERS)  # from end to end, in steps
    shares = (levels - levels[0]) / (levels[-1] - levels[0])
    some = shares[evenly(len(shares), ASKED)]
    for length in lengths[_off_step(some[None] * lengths[:, None]).max(1) < EVEN]:
        steps = shares * length
        if _off_step(steps).max() < EVEN and numpy.gcd.reduce(steps.round().astype(numpy.int64)) == 1:
            return ((values - levels[0]) / (levels[-1] - levels[0]) * length).round()
    return None


def _off_step(steps: numpy.ndarray) -> numpy.ndarray:
    return abs(steps - steps.round())


def _told(steps: numpy.ndarray, target: numpy.ndarray, classes: bool) -> tuple[float, float]:
    """R² of the target on the column as it is, and the best of those where the circle is cut open elsewhere."""
    wide = (target[:, None] == numpy.unique(target)[None]).astype(float) if classes else target[:, None].astype(float)
    wide = wide[:, wide.std(0) > 0]
    wide = (wide - wide.mean(0)) / wide.std(0)
    found = []
    for cut in range(CUTS):
        opened = (steps - cut * NUMBERS / CUTS) % NUMBERS
        found.append(float(numpy.square((opened - opened.mean()) @ wide / (len(steps) * max(opened.std(), 1e-12))).max()))
    return found[0], max(found)
