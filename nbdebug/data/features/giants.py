"""A few samples or values that are far larger than all others, so that beside them, or scaled by their spread, all others look alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.features.matrix import Goal
from nbdebug.data.split import FieldData, Split

FEWEST = 60  # rows
FEW = 0.05  # of the rows; our choice
GAP, ALONE = 10.0, 1000.0  # times as far out as the farthest of all others, and of a single one; our choice: of a Cauchy's the largest of 500 is ten times the next in one of ten
LEVELS = 0.3  # different values a row among the others, that are measured then and not counted
SHOWN = 24
ACCIDENT = 1e-3  # that so many giants are of one class by chance
OWN = 0.8  # of the rows of a class, or of the giants: so many belong together, and being far out may be what tells them


@dataclass(frozen=True)
class Giants:
    """Of one field or column."""

    field: str
    column: str  # "": whole samples
    rows: int
    count: int
    times: float  # as far from the median as the farthest of all others
    squeezed: float  # the deviation of all others in that of all
    ids: tuple[int, ...]


def giants(split: Split, goal: Goal | None) -> tuple[Giants, ...]:
    """Of all inputs that are measured; none where the target tells the giants from all others."""
    return tuple(found for field in split.fields if field.role == "input" for found in _of_field(field, split, goal))


def _of_field(field: FieldData, split: Split, goal: Goal | None) -> Iterator[Giants]:
    values = field.sample
    if not isinstance(values, numpy.ndarray) or values.dtype.kind != "f" or not FEWEST <= len(values) == len(split.ids) or "float" not in field.dtype:
        return
    if field.kind in ("series", "audio", "image") and values.ndim > 1:
        flat = values.reshape(len(values), -1)
        if numpy.isfinite(flat).all():
            yield from _far(field.name, "", abs(flat - numpy.median(flat)).mean(1, dtype=float), split, goal)
    elif field.kind == "tabular" and values.ndim <= 2:
        table = values.reshape(len(values), -1)
        for index in range(table.shape[1]):
            column = table[:, index]
            rest = column[numpy.isfinite(column)]
            if len(rest) == len(column) and len(numpy.unique(column)) >= LEVELS * len(column):
                name = field.axis_names[index] if index < len(field.axis_names) else f"column {index}"
                yield from _far(field.name, name, abs(column - numpy.median(column)), split, goal)


def _far(field: str, column: str, far: numpy.ndarray, split: Split, goal: Goal | None) -> Iterator[Giants]:
    order = numpy.sort(far)
    most = max(1, int(FEW * len(far)))
    counts = [k for k in range(1, most + 1) if order[-k] >= (GAP if k > 1 else ALONE) * order[-k - 1] > 0]
    if not counts:
        return
    count = counts[-1]
    inside = far >= order[-count]
    if goal is not None and _told_by_target(inside, goal):
        return
    ids = tuple(dict.fromkeys(int(i) for i in split.ids[inside]))[:SHOWN]
    squeezed = float(numpy.sqrt((order[:-count] ** 2).mean() / (order**2).mean()))
    yield Giants(field, column, len(far), count, float(order[-count] / order[-count - 1]), squeezed, ids)


def _told_by_target(inside: numpy.ndarray, goal: Goal) -> bool:
    """Whether being far out is what the target is about: a class of its own, or targets far out as well."""
    values = goal.values[inside]
    if goal.classes:
        kinds, counts = numpy.unique(values, return_counts=True)
        top = kinds[counts.argmax()]
        return bool(counts.max() >= OWN * len(values) and (goal.values == top).mean() ** counts.max() < ACCIDENT)
    others = goal.values[~inside & numpy.isfinite(goal.values)]
    low, high = numpy.quantile(others, (0.01, 0.99)) if len(others) else (0.0, 0.0)
    return bool(((values < low) | (values > high)).mean() > 0.5)  # two in a hundred are by chance
