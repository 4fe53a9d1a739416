"""Columns of which a good part of the rows holds the highest value that there is: what went beyond was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.split import FieldData, Split

FEWEST = 60  # rows
PILED, OTHERS = 0.25, 10  # share of the rows at the highest value, and other values that there must be
COLUMNS, MANY = 3, 0.5  # columns that are cut off so, and their share; our choice: of one alone the limit may be meant


@dataclass(frozen=True)
class CutOff:
    """Of one field."""

    field: str
    columns: tuple[str, ...]  # the first
    count: int
    of: int
    share: float  # of their values that are the highest one of its column


def cut_off(split: Split) -> tuple[CutOff, ...]:
    """The inputs most of whose columns are cut off."""
    return tuple(found for field in split.fields if field.role == "input" and field.kind == "tabular" for found in _of_field(field))


def _of_field(field: FieldData) -> Iterator[CutOff]:
    values = field.sample
    if not isinstance(values, numpy.ndarray) or values.ndim != 2 or len(values) < FEWEST or "float" not in field.dtype:
        return
    piles = numpy.where(numpy.isfinite(values).all(0), (values == values.max(0)).mean(0), 0.0)
    chosen = [i for i in numpy.flatnonzero(piles >= PILED) if len(numpy.unique(values[:, i])) > OTHERS]
    if len(chosen) >= max(COLUMNS, MANY * values.shape[1]):
        names = tuple(field.axis_names[i] if i < len(field.axis_names) else f"column {i}" for i in chosen[:3])
        yield CutOff(field.name, names, len(chosen), values.shape[1], float(piles[chosen].mean()))
