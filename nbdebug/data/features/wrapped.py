"""Columns that were cast to 16 or 8 bits and wrapped round before anything could be heard: they fill all the numbers that there are.

One that wrapped round once is straightened where the circle of its numbers is cut open elsewhere. One that did so several times is not, but the target
still goes along the circle: it comes back to the same number each time that it has grown by the length of the circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.between.vectors import evenly
from nbdebug.data.features.matrix import NUMBER, Goal, Matrix

NUMBERS, BYTE = 65536, 256
FILLED = 0.98  # of them, from the lowest to the highest; our choice
ENDS, THERE = 0.05, 0.005  # share of the numbers at either end, and of the rows that must lie there: a tail thins out, what wrapped goes on at the other side
CUT_OFF = 0.01  # of the rows at the very end: there values were clipped
FEWEST, ASKED = 200, 24  # rows; numbers of which it is asked first
EVEN = 0.05  # of a step, that numbers may lie off it
CUTS = 32  # places at which the circle is opened
TELLS, TWICE, CORRELATED = 0.1, 0.5, 50.0  # R², and n R², that the opened circle must reach, and what of it the column as it is may; our choice
RATES = numpy.arange(0.35, 12, 0.02)  # cycles of the circle, that a standard deviation of the target may be
ALONG, ONE_WAY, LOOSE = 0.3, 0.5, 0.35  # mean resultant; of it the other way round; R² that the column as it is may have: of a target that it tells it goes once around; our choice
PARTS, TORN = 16, 0.5  # of the rows; of the range of their means, that the first and the last lie apart; our choice
TURNS = 1.5  # from the lowest of the target to the highest
GROUPS = 32  # of the column, that R² is of


@dataclass(frozen=True)
class WrappedColumn:
    """A column whose numbers, scaled or not, are 65,536 or 256 even steps from end to end."""

    field: str
    column: str
    low: float  # share of the rows at either end
    high: float
    by_value: float  # R² of the target on the column
    unwrapped: float  # the same when it is cut open elsewhere, and the one end is put behind the other
    circle: int = NUMBERS
    turns: float = 0.0  # times that what the others leave of the target goes around the circle, where it does so several times
    along: float = 0.0  # mean resultant length of what it is off by: 1 of what keeps to it, 0 of chance

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
    circle = BYTE if len(numpy.unique(values)) <= BYTE else NUMBERS
    steps = _steps(values[numpy.isfinite(values)], circle)
    if steps is None:
        return
    low, high = float((steps < ENDS * circle).mean()), float((steps > steps.max() - ENDS * circle).mean())
    if min(low, high) < THERE or max((steps == 0).sum(), (steps == steps.max()).sum()) >= max(CUT_OFF, 4 / circle) * len(steps):
        return
    by_value, unwrapped, turns, along = 0.0, 0.0, 0.0, 0.0
    if len(rows) >= FEWEST and numpy.isfinite(values[rows]).all():
        own = _steps(values[rows], circle, values)
        by_value, unwrapped = _told(own, goal.values[rows], bool(goal.classes), circle)
        turns, along = (0.0, 0.0) if goal.classes else _around(own / circle, _left_by_others(table, column, goal, rows))
    known = unwrapped * len(rows) >= CORRELATED and circle == NUMBERS
    yield WrappedColumn(table.fields[column], table.names[column], low, high, by_value, unwrapped if known else 0.0, circle, turns, along)


def _steps(values: numpy.ndarray, circle: int, like: numpy.ndarray | None = None) -> numpy.ndarray | None:
    """Whole numbers from 0 that the values are steps of; None where they do not fill the circle."""
    levels = numpy.unique(values if like is None else like)
    if len(levels) < FEWEST:
        return None
    lengths = numpy.arange(round(FILLED * circle), circle)  # from end to end, in steps
    shares = (levels - levels[0]) / (levels[-1] - levels[0])
    some = shares[evenly(len(shares), ASKED)]
    for length in lengths[_off_step(some[None] * lengths[:, None]).max(1) < EVEN]:
        steps = shares * length
        if _off_step(steps).max() < EVEN and numpy.gcd.reduce(steps.round().astype(numpy.int64)) == 1:
            return ((values - levels[0]) / (levels[-1] - levels[0]) * length).round()
    return None


def _off_step(steps: numpy.ndarray) -> numpy.ndarray:
    return abs(steps - steps.round())


def _left_by_others(table: Matrix, column: int, goal: Goal, rows: numpy.ndarray) -> numpy.ndarray:
    """(n,) what a linear rule of the other columns leaves of the target, in its standard deviations."""
    others = numpy.nan_to_num(numpy.delete(table.values[rows], column, 1), posinf=0.0, neginf=0.0)[:, : len(rows) // 10]
    others = numpy.column_stack([(others - others.mean(0)) / numpy.maximum(others.std(0), 1e-12), numpy.ones(len(rows))])
    target = goal.values[rows].astype(float)
    left = target - others @ numpy.linalg.lstsq(others, target, rcond=None)[0]
    return (left - left.mean()) / max(left.std(), 1e-12)


def _around(place: numpy.ndarray, target: numpy.ndarray) -> tuple[float, float]:
    """How many times the target goes along the circle, and how closely; 0, 0 where it does not, or the column tells it as it is.

    Args:
        place: (n,) on the circle, from 0 to 1.
        target: (n,) standardised.
    """
    cells = (place * GROUPS).astype(int)
    counts = numpy.bincount(cells, minlength=GROUPS)
    means = numpy.bincount(cells, target, GROUPS) / numpy.maximum(counts, 1)
    if (means**2 * counts).sum() > LOOSE * len(target):
        return 0.0, 0.0
    phases = numpy.exp(2j * numpy.pi * RATES[:, None] * target)
    turned = numpy.exp(2j * numpy.pi * place)
    forth, back = (abs(phases @ circle) / len(target) for circle in (turned.conj(), turned))  # of a falling target the other way
    best = numpy.maximum(forth, back).argmax()
    along, other = max(forth[best], back[best]), min(forth[best], back[best])
    turns = float(RATES[best] * numpy.ptp(numpy.quantile(target, [0.01, 0.99])))
    clear = along >= ALONG and along**2 * len(target) >= CORRELATED and other <= ONE_WAY * along and turns >= TURNS
    return (turns, float(along)) if clear else (0.0, 0.0)


def _told(steps: numpy.ndarray, target: numpy.ndarray, classes: bool, circle: int) -> tuple[float, float]:
    """R² of the target on the column as it is, and the best of those where the circle is cut open elsewhere."""
    wide = (target[:, None] == numpy.unique(target)[None]).astype(float) if classes else target[:, None].astype(float)
    wide = wide[:, wide.std(0) > 0]
    wide = (wide - wide.mean(0)) / wide.std(0)
    found = []
    for cut in range(CUTS):
        opened = (steps - cut * circle / CUTS) % circle
        found.append(numpy.square((opened - opened.mean()) @ wide / (len(steps) * max(opened.std(), 1e-12))))
    best, column = numpy.unravel_index(numpy.argmax(found), numpy.shape(found))
    opened = (steps - best * circle / CUTS) % circle
    return float(max(found[0])), float(found[best][column]) if _is_torn(wide[opened.argsort(kind="stable"), column]) else 0.0


def _is_torn(target: numpy.ndarray) -> bool:
    """Whether it ends elsewhere than it began, as what was cut does, and what goes around, an angle or a season, does not; in the order of the opened circle."""
    parts = numpy.array([part.mean() for part in numpy.array_split(target, PARTS)])
    return bool(abs(parts[-1] - parts[0]) >= TORN * numpy.ptp(parts))
