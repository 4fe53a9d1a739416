"""Texts, masks, boxes, and what has no kind of its own: how long, how many are missing; the sampled entries as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.gathering.moments import Moments
from nbdebug.data.split import Columns, FieldData

LONGEST = 2000  # characters of a sampled text that are kept
SIDE = 128  # rows and columns of a sampled mask or volume that are kept; of larger ones every k-th
MOST_SHAPES = 10_000  # different ones, and lengths, that are told apart


@dataclass(frozen=True)
class EntryFacts:
    """Of all entries that were read."""

    types: dict[str, int]  # Python type → entries
    lengths: dict[int, int]  # characters, or members → entries
    missing: int


class EntryGather:
    """For texts, boxes, masks, and whatever else a batch may hold. Numbers among it are one column, "all"."""

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.field, self.kind = field, kind
        self.shapes: Counter[tuple[int, ...]] = Counter()
        self.types: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()
        self.missing = 0
        self.sample: list[Any] = [None] * slots
        self.moments: Moments | None = None

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        """One more chunk."""
        values = field.values
        if isinstance(values, numpy.ndarray):
            self._count(self.shapes, values.shape[1:], len(values))
            self.types["ndarray" if values.ndim > 1 else str(values.dtype)] += len(values)
            if values.ndim > 1:
                self._count(self.lengths, values.shape[1], len(values))
            self._add_numbers(values)
        else:
            self._add_entries(values)
        for slot, row in zip(slots.tolist(), rows.tolist(), strict=True):
            self.sample[slot] = _kept(values[row])

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far."""
        facts = EntryFacts(dict(self.types), dict(self.lengths), self.missing)
        sample = [self.sample[slot] for slot in order]
        return FieldData(self.field.name, self.field.role, self.kind, self.field.dtype, dict(self.shapes), self._columns(sample), sample, facts)

    def _columns(self, sample: list[Any]) -> Columns | None:
        if self.moments is None:
            return None
        rows = [s.reshape(-1, 1).astype(numpy.float64) for s in sample if isinstance(s, numpy.ndarray) and s.dtype.kind in "fiub"]
        return self.moments.columns(("all",), (self.field.dtype,), numpy.concatenate(rows) if rows else numpy.zeros((0, 1)), None)

    def _add_entries(self, values: list[Any]) -> None:
        self.types.update(kind.__name__ for kind in map(type, values))
        for value in values:
            self.missing += value is None
            self._count(self.shapes, tuple(getattr(value, "shape", ())))
            if hasattr(value, "__len__") and getattr(value, "ndim", 1):
                self._count(self.lengths, len(value))
            if isinstance(value, numpy.ndarray):
                self._add_numbers(value)

    def _add_numbers(self, values: numpy.ndarray) -> None:
        if values.dtype.kind in "fiub" and values.size:
            self.moments = self.moments or Moments(1)
            self.moments.add(values.reshape(-1, 1))

    def _count(self, counter: Counter[Any], key: Any, times: int = 1) -> None:
        if key in counter or len(counter) < MOST_SHAPES:
            counter[key] += times


def _kept(value: Any) -> Any:
    if isinstance(value, (str, bytes)):
        return value[:LONGEST]
    if isinstance(value, numpy.ndarray):
        return value[tuple(slice(None, None, max(1, side // SIDE)) for side in value.shape)].copy()
    return value
