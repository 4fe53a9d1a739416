"""A column of which some rows are in another unit: grams among kilograms, millimetres among metres.

Two groups of values with a gap between them have one shape in two sizes; the target does not tell the groups apart, and yet follows the place
within either of them, by the same slope. So one quantity was written in two ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.between.ks import chance, distance
from nbdebug.data.features.hidden import answers_of
from nbdebug.data.features.matrix import NUMBER, Goal, Matrix

FEWEST, SHARE = 24, 0.03  # rows of either group, and their share
GAP = 2.0  # deviations of the narrower group that lie between the two
SIZES = 1.5  # times as wide as the other; our choice: less is no other unit
SLACK, RARELY = 0.05, 1e-3  # in the shape of the two
CLEARLY, ALIKE = 4.0, 3.5  # standard errors: of the slope in either, and between the two


@dataclass(frozen=True)
class TwoUnits:
    """One column in two units."""

    field: str
    column: str
    rows: int
    other: int  # rows of the smaller group
    times: float  # that the one group is as wide as the other
    within: float  # correlation of value and target within the groups
    whole: float  # over all rows as they are
    ids: tuple[int, ...]


def two_units(table: Matrix, goal: Goal, rows: numpy.ndarray, ids: numpy.ndarray) -> tuple[TwoUnits, ...]:
    """All such columns.

    Args:
        rows: (n,) with a target.
        ids: (K,) the samples that all rows are of.
    """
    if len(rows) < 2 * FEWEST:
        return ()
    answers = answers_of(goal, rows)
    numbers = [column for column in range(table.width) if table.kinds[column] == NUMBER]
    return tuple(found for column in numbers for found in _of_column(table, column, answers, rows, ids))


def _of_column(table: Matrix, column: int, answers: numpy.ndarray, rows: numpy.ndarray, ids: numpy.ndarray) -> Iterator[TwoUnits]:
    values = table.values[rows, column]
    if not numpy.isfinite(values).all() or not answers.shape[1]:
        return
    order = numpy.sort(values)
    least = max(FEWEST, int(SHARE * len(values)))
    steps = numpy.diff(order)[least - 1 : len(order) - least]
    if not len(steps) or not steps.max() > 0:
        return
    cut = order[least - 1 + int(steps.argmax())]
    low = values <= cut
    one, other = values[low], values[~low]
    wide, narrow = max(one.std(), other.std()), min(one.std(), other.std())
    if not narrow > 0 or wide < SIZES * narrow or steps.max() < GAP * narrow:
        return
    shapes = [(part - part.mean()) / part.std() for part in (one, other)]
    if distance(*shapes) > chance(len(one), len(other), RARELY) + SLACK or min(len(numpy.unique(part)) for part in (one, other)) < FEWEST // 2:
        return
    within = _followed(shapes, [answers[low], answers[~low]])
    if within is not None:
        fewer = low if low.mean() < 0.5 else ~low
        whole = float(abs(((values - values.mean()) / values.std()) @ answers / len(values)).max())
        yield TwoUnits(table.fields[column], table.names[column], len(values), int(fewer.sum()), float(wide / narrow), within, whole, tuple(map(int, ids[rows[fewer]][:24])))


def _followed(shapes: list[numpy.ndarray], answers: list[numpy.ndarray]) -> float | None:
    """The correlation within both groups, where the target follows their values alike and does not tell the groups apart; None otherwise."""
    sizes = [len(part) for part in shapes]
    apart = abs(answers[0].mean(0) - answers[1].mean(0)) / numpy.sqrt(sum(part.var(0) / len(part) for part in answers)).clip(1e-12)
    slopes = numpy.array([shape @ (part - part.mean(0)) / len(shape) for shape, part in zip(shapes, answers, strict=True)])  # (2, C)
    errors = numpy.array([numpy.sqrt((part.var(0) - slope**2).clip(1e-12) / size) for slope, part, size in zip(slopes, answers, sizes, strict=True)])
    best = int(abs(slopes).min(0).argmax())
    clear = (abs(slopes[:, best]) >= CLEARLY * errors[:, best]).all() and slopes[0, best] * slopes[1, best] > 0
    alike = abs(slopes[0, best] - slopes[1, best]) <= ALIKE * numpy.sqrt((errors[:, best] ** 2).sum())
    return float(abs(slopes[:, best]).mean()) if clear and alike and apart.max() <= ALIKE else None
