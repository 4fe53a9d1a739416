"""Token sequences: lengths, padding, vocabulary; the sampled sequences."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.split import FieldData

LONGEST = 512  # tokens of a sampled sequence that are kept
COUNTED = 50_000  # different tokens that are counted


@dataclass(frozen=True)
class SequenceFacts:
    """Of all sequences that were read."""

    lengths: dict[int, int]  # tokens up to the padding at the end (all of them where there is none) → sequences
    padding: int | None  # the token that fills the ends; None where there is none
    padded: int  # tokens that are padding
    tokens: int  # all of them
    lowest: int
    highest: int
    counts: dict[int, int]  # the most frequent tokens


class TokenGather:
    """For whole numbers (n, T), or a list of sequences of their own length."""

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.field, self.kind = field, kind
        self.shapes: Counter[tuple[int, ...]] = Counter()
        self.counts: Counter[int] = Counter()
        self.lengths: Counter[int] = Counter()
        self.tokens = 0
        self.lowest, self.highest = 2**62, -(2**62)
        self.sample: list[Any] = [None] * slots

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        """One more chunk."""
        for sequence in field.values:
            self.shapes[tuple(sequence.shape)] += 1
            self.lengths[len(sequence)] += 1
            self.tokens += sequence.size
            if sequence.size:
                self.lowest, self.highest = min(self.lowest, int(sequence.min())), max(self.highest, int(sequence.max()))
            if len(self.counts) < COUNTED:
                self.counts.update(sequence.reshape(-1).tolist())
        for slot, row in zip(slots.tolist(), rows.tolist(), strict=True):
            self.sample[slot] = numpy.array(field.values[row][:LONGEST])

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far; `sample` holds one int64 array a sequence."""
        facts = SequenceFacts(dict(self.lengths), None, 0, self.tokens, self.lowest, self.highest, dict(self.counts.most_common(1000)))
        sample = [self.sample[slot] for slot in order]
        return FieldData(self.field.name, self.field.role, self.kind, self.field.dtype, dict(self.shapes), None, sample, facts)
