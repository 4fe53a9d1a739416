"""Labels and categories: how often each occurs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.split import FieldData


@dataclass(frozen=True)
class ClassFacts:
    """Of all that was read."""

    counts: dict[Any, int]  # label → samples, most frequent first
    missing: int
    types: dict[str, int]  # Python type of the labels → how many
    batches: tuple[dict[Any, int], ...]  # of the first batches
    sequence: numpy.ndarray  # (n,) labels of the first samples as indices into `names`, in the order of delivery
    names: tuple[Any, ...]  # in the order of first appearance


MOST_BATCHES, MOST_IN_SEQUENCE = 64, 200_000


class ClassGather:
    """For classes and categories, of whole numbers, texts or anything hashable."""

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.field, self.kind = field, kind
        self.index: dict[Any, int] = {}
        self.counts: Counter[int] = Counter()
        self.types: Counter[str] = Counter()
        self.missing = 0
        self.batches: list[dict[Any, int]] = []
        self.sequence: list[numpy.ndarray] = []
        self.length = 0
        self.sample = numpy.full(slots, -1, numpy.int64)

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        """One more chunk."""
        labels = [_plain(value) for value in field.values]
        self.types.update(type(label).__name__ for label in labels)
        codes = numpy.array([self._code(label) for label in labels], dtype=numpy.int64)
        self.missing += int((codes < 0).sum())
        counted = Counter(codes[codes >= 0].tolist())
        self.counts.update(counted)
        names = list(self.index)
        if len(self.batches) < MOST_BATCHES:
            self.batches.append({names[code]: n for code, n in counted.items()})
        if self.length < MOST_IN_SEQUENCE:
            self.sequence.append(codes)
            self.length += len(codes)
        self.sample[slots] = codes[rows]

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far; `sample` holds indices into `facts.names`, -1 for a missing label."""
        names = tuple(self.index)
        counts = {names[code]: n for code, n in self.counts.most_common()}
        sequence = numpy.concatenate(self.sequence) if self.sequence else numpy.zeros(0, numpy.int64)
        facts = ClassFacts(counts, self.missing, dict(self.types), tuple(self.batches), sequence, names)
        return FieldData(self.field.name, self.field.role, self.kind, self.field.dtype, {(): self.length}, None, self.sample[order], facts)

    def _code(self, label: Any) -> int:
        if label is None or label != label:
            return -1
        return self.index.setdefault(label, len(self.index))


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, numpy.generic) else value
    return value if value is None or isinstance(value, (str, int, float, bool)) else repr(value)
