"""Texts, and what has no kind of its own: how long, how many are missing; the sampled entries as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.split import FieldData

LONGEST = 2000  # characters of a sampled text that are kept


@dataclass(frozen=True)
class EntryFacts:
    """Of all entries that were read."""

    types: dict[str, int]  # Python type → entries
    lengths: dict[int, int]  # characters, or members → entries
    missing: int


class EntryGather:
    """For texts, boxes, masks, and whatever else a batch may hold."""

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.field, self.kind = field, kind
        self.shapes: Counter[tuple[int, ...]] = Counter()
        self.types: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()
        self.missing = 0
        self.sample: list[Any] = [None] * slots

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        """One more chunk."""
        for value in field.values:
            self.types[type(value).__name__] += 1
            self.missing += value is None
            self.shapes[tuple(getattr(value, "shape", ()))] += 1
            if hasattr(value, "__len__"):
                self.lengths[len(value)] += 1
        for slot, row in zip(slots.tolist(), rows.tolist(), strict=True):
            value = field.values[row]
            self.sample[slot] = value[:LONGEST] if isinstance(value, str) else value

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far."""
        facts = EntryFacts(dict(self.types), dict(self.lengths), self.missing)
        sample = [self.sample[slot] for slot in order]
        return FieldData(self.field.name, self.field.role, self.kind, self.field.dtype, dict(self.shapes), None, sample, facts)
