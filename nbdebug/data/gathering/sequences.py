"""Token sequences: lengths, padding, vocabulary; the sampled sequences."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.gathering.vocabulary import NAMED, Ends, Vocabulary
from nbdebug.data.split import FieldData

LONGEST = 512  # tokens of a sampled sequence that are kept
EXTREME = 24  # sequences with the lowest and the highest tokens that are remembered
SORTED_SHARE = 0.9  # of sequences in ascending (descending) order: what fills their ends is their largest (smallest) member


@dataclass(frozen=True)
class SequenceFacts:
    """Of all sequences that were read."""

    lengths: dict[int, int]  # tokens without padding (all of them where there is none) → sequences
    padding: int | None  # the token that fills the ends; None where there is none
    padded: int  # tokens that are padding
    tokens: int  # all of them
    lowest: int
    highest: int
    counts: dict[int, int]  # the most frequent tokens
    side: str = ""  # of the padding: "right", "left", or "" where there is none
    empty: tuple[int, tuple[int, ...]] = (0, ())  # sequences without a token, or all padding; ids of the first of them
    lowest_in: tuple[tuple[int, int], ...] = ()  # (lowest token, id) of the sequences with the lowest ones
    highest_in: tuple[tuple[int, int], ...] = ()  # (highest token, id) of those with the highest ones
    column_lows: numpy.ndarray = field(default_factory=lambda: numpy.zeros(0, numpy.int64))  # (T,) where all have one length
    column_highs: numpy.ndarray = field(default_factory=lambda: numpy.zeros(0, numpy.int64))


class TokenGather:
    """For whole numbers (n, T), or a list of sequences of their own length."""

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.field, self.kind = field, kind
        self.shapes: Counter[tuple[int, ...]] = Counter()
        self.vocabulary, self.right, self.left = Vocabulary(), Ends(), Ends()
        self.lengths: Counter[int] = Counter()
        self.tokens = self.rows = self.ascending = self.descending = self.without = 0
        self.empty: list[int] = []
        self.lowest, self.highest = [], []  # heaps of (~token, id), as -token may not exist, and (token, id)
        self.columns: tuple[numpy.ndarray, numpy.ndarray] | None = None
        self.sample: list[Any] = [None] * slots

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray, ids: numpy.ndarray | None = None) -> None:
        """One more chunk; sequences without ids are called by their running numbers."""
        ids = numpy.arange(self.rows, self.rows + len(field.values)) if ids is None else ids
        sequences = [_flat(sequence) for sequence in field.values] if isinstance(field.values, list) else None
        table, lengths = _table(sequences) if sequences is not None else (field.values.reshape(len(field.values), -1), None)
        lengths = numpy.full(len(table), table.shape[1]) if lengths is None else lengths
        for sequence in field.values:
            self.shapes[tuple(getattr(sequence, "shape", ()))] += 1
        self._take(table.astype(numpy.int64, copy=False), lengths, ids)
        for slot, row in zip(slots.tolist(), rows.tolist(), strict=True):
            self.sample[slot] = table[row, : min(int(lengths[row]), LONGEST)].astype(numpy.int64)

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far; `sample` holds one int64 array a sequence."""
        counts = self.vocabulary.counts()
        side, padding, ends = self._padding(counts)
        lengths, empty = dict(self.lengths), (self.without, tuple(self.empty))
        if ends is not None:
            lengths = dict(self.lengths - ends.delivered[padding] + ends.runs[padding])
            empty = (self.without + ends.runs[padding].get(0, 0), tuple(self.empty + ends.whole[padding])[:NAMED])
        lows, highs = self.columns or (numpy.zeros(0, numpy.int64),) * 2
        facts = SequenceFacts(
            lengths, padding, ends.filled[padding] if ends is not None else 0, self.tokens,
            ~max(self.lowest)[0] if self.lowest else 0, max(self.highest)[0] if self.highest else 0,
            dict(list(counts.items())[:1000]), side, empty,
            tuple((~token, number) for token, number in sorted(self.lowest, reverse=True)), tuple(sorted(self.highest, reverse=True)),
            lows, highs,
        )  # fmt: skip
        sample = [self.sample[slot] for slot in order]
        return FieldData(self.field.name, self.field.role, self.kind, self.field.dtype, dict(self.shapes), None, sample, facts)

    def _take(self, table: numpy.ndarray, lengths: numpy.ndarray, ids: numpy.ndarray) -> None:
        whole = bool((lengths == table.shape[1]).all())
        present = numpy.ones(table.shape, bool) if whole else numpy.arange(table.shape[1]) < lengths[:, None]
        self.rows, self.tokens = self.rows + len(table), self.tokens + int(lengths.sum())
        self.lengths.update(lengths.tolist())
        self.without += int((lengths == 0).sum())
        self.empty.extend(ids[lengths == 0][: NAMED - len(self.empty)].tolist())
        self._columns(table, whole)
        if not table.size:
            return
        self.vocabulary.add(table[present])
        backwards = table[:, ::-1] if whole else numpy.take_along_axis(table, numpy.maximum(lengths[:, None] - 1 - numpy.arange(table.shape[1]), 0), 1)
        self.right.add(backwards, lengths, ids)
        self.left.add(table, lengths, ids)
        steps = numpy.diff(table, axis=1)
        valid = present[:, 1:]
        self.ascending += int(((steps >= 0) | ~valid).all(1).sum())
        self.descending += int(((steps <= 0) | ~valid).all(1).sum())
        some = lengths > 0
        limits = numpy.iinfo(numpy.int64)
        low, high = numpy.where(present, table, limits.max).min(1)[some], numpy.where(present, table, limits.min).max(1)[some]
        _keep(self.lowest, ~low, ids[some])
        _keep(self.highest, high, ids[some])

    def _columns(self, table: numpy.ndarray, whole: bool) -> None:
        """Extremes of every column, as long as all sequences have one length."""
        if not whole or len(self.lengths) > 1 or not 0 < table.shape[1] <= LONGEST:
            self.columns = None
            return
        low, high = table.min(0), table.max(0)
        self.columns = (low, high) if self.columns is None else (numpy.minimum(self.columns[0], low), numpy.maximum(self.columns[1], high))

    def _padding(self, counts: dict[int, int]) -> tuple[str, int | None, Ends | None]:
        in_order = max(self.ascending, self.descending) >= SORTED_SHARE * max(self.rows, 1)
        found = []
        for side, ends in (("right", self.right), ("left", self.left)):
            token = None if in_order else ends.padding(counts, self.rows)
            if token is not None:
                found.append((ends.filled[token], side, token, ends))
        return max(found, key=lambda one: one[0])[1:] if found else ("", None, None)


def _flat(sequence: Any) -> numpy.ndarray:
    """What is no whole numbers is a sequence without a token."""
    values = numpy.asarray(sequence if sequence is not None else []).reshape(-1)
    return values if values.dtype.kind in "iub" else values[:0].astype(numpy.int64)


def _table(sequences: list[numpy.ndarray]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(n, T) filled up with 0, and the lengths (n,)."""
    lengths = numpy.array([len(sequence) for sequence in sequences], numpy.int64)
    table = numpy.zeros((len(sequences), int(lengths.max(initial=0))), numpy.int64)
    table[numpy.arange(table.shape[1]) < lengths[:, None]] = numpy.concatenate(sequences) if sequences else 0
    return table, lengths


def _keep(heap: list[tuple[int, int]], values: numpy.ndarray, ids: numpy.ndarray) -> None:
    """The largest values so far."""
    if len(heap) == EXTREME:
        larger = values > heap[0][0]
        values, ids = values[larger], ids[larger]
    best = numpy.argsort(values)[-EXTREME:]
    for pair in zip(values[best].tolist(), ids[best].tolist(), strict=True):
        heapq.heappush(heap, pair)
        if len(heap) > EXTREME:
            heapq.heappop(heap)
