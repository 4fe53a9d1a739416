"""Columns of numbers: exact moments of all rows, and the sampled rows."""

from __future__ import annotations

from collections import Counter

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.gathering.distinct import Distinct
from nbdebug.data.gathering.moments import Moments
from nbdebug.data.split import FieldData

__all__ = ["Moments", "NumberGather"]

STEPS = 4096  # of a sampled sequence of its own length that are kept


class NumberGather:
    """For tabular, quantity, series, audio and time fields.

    A column is the last axis (the first one behind the samples for series that lie (C, T)); all values are one column where
    there is no such axis, and of sounds.
    """

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.field, self.kind = field, kind
        self.ragged = isinstance(field.values, list)
        self.like = _first(field.values).shape if self.ragged else field.values.shape[1:]
        self.axis = _column_axis(self.like, kind)
        width = 1 if self.axis is None else self.like[self.axis]
        self.shapes: Counter[tuple[int, ...]] = Counter()
        self.sample = [None] * slots if self.ragged else numpy.full((slots, *self.like), numpy.nan)
        self.moments, self.distinct = Moments(width), Distinct(width)

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        """One more chunk; rows of another width are counted by their shape only."""
        if isinstance(field.values, list) or self.ragged:
            self._add_ragged(field.values, slots, rows)
            return
        values = _as_numbers(field.values)
        self.shapes[values.shape[1:]] += len(values)
        if values.shape[1:] != self.like:
            self.sample[slots] = numpy.nan
            return
        self.sample[slots] = values[rows]
        self.moments.add(self._table(values), self.distinct)

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far."""
        width = self.moments.width
        names = self.field.names or (("all",) if self.axis is None else tuple(f"column {i}" for i in range(width)))
        sample = [self.sample[slot] for slot in order] if self.ragged else self.sample[order]
        some = [numpy.asarray(s, numpy.float64)[None] for s in sample if s is not None] if self.ragged else [sample]
        rows = numpy.concatenate([self._table(s) for s in some]) if some else numpy.zeros((0, width))
        columns = self.moments.columns(names, self.field.dtypes or (self.field.dtype,) * width, rows, self.distinct)
        return FieldData(self.field.name, self.field.role, self.kind, self.field.dtype, dict(self.shapes), columns, sample, None, names)

    def _table(self, values: numpy.ndarray) -> numpy.ndarray:
        """(rows, D) of (n, …)."""
        if self.axis is None:
            return values.reshape(-1, 1)
        return numpy.moveaxis(values, self.axis + 1, -1).reshape(-1, self.moments.width)

    def _add_ragged(self, values, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        usable = [self._fits(value) for value in values]
        fitting = [numpy.asarray(value, numpy.float64) for value, fits in zip(values, usable, strict=True) if fits]
        self.shapes.update(tuple(getattr(value, "shape", ())) for value in values)
        if fitting:
            self.moments.add(numpy.concatenate([self._table(value[None]) for value in fitting]), self.distinct)
        for slot, row in zip(slots.tolist(), rows.tolist(), strict=True):
            if self.ragged:
                self.sample[slot] = numpy.array(values[row][:STEPS]) if usable[row] else None
            else:
                self.sample[slot] = values[row] if usable[row] and values[row].shape == self.like else numpy.nan

    def _fits(self, value) -> bool:
        known = isinstance(value, numpy.ndarray) and value.dtype.kind in "fiub" and value.ndim == len(self.like)
        return known and (self.axis is None or value.shape[self.axis] == self.moments.width)


def _first(values: list) -> numpy.ndarray:
    return next((value for value in values if isinstance(value, numpy.ndarray)), numpy.zeros(0))


def _as_numbers(values: numpy.ndarray) -> numpy.ndarray:
    """Times as seconds since 1970, or their length in seconds."""
    if values.dtype.kind not in "mM":
        return values
    seconds = values.astype(f"{values.dtype.kind}8[us]").astype(numpy.float64) / 1e6
    return numpy.where(numpy.isnat(values), numpy.nan, seconds)


def _column_axis(shape: tuple[int, ...], kind: str) -> int | None:
    """Which axis of a sample counts columns; channels of a series that lie first are fewer by far than its steps."""
    if not shape or kind == "audio" or (len(shape) == 1 and kind == "series"):
        return None
    if kind == "series" and len(shape) == 2 and shape[0] <= 16 and shape[1] >= 4 * shape[0]:
        return 0
    return len(shape) - 1
