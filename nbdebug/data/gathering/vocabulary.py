"""Which tokens occur how often, and which of them does nothing but fill the ends."""

from __future__ import annotations

import heapq
from collections import Counter

import numpy

COUNTED = 50_000  # different tokens that are counted
TABLE = 1_000_000  # token ids below it are counted in one array
NAMED = 1000  # sequences of one make whose ids are remembered
CANDIDATES = 64  # tokens that are considered as padding
IN_ENDS = 0.98  # of its occurrences lie in the ends: a token that is padding; our choice: a word, or a class, occurs inside too
PADDED_ROWS = 0.02  # of sequences end in padding, at least


class Ends:
    """How far each token fills one end of the sequences."""

    def __init__(self) -> None:
        self.rows: Counter[int] = Counter()  # token → sequences that end in it
        self.filled: Counter[int] = Counter()  # token → positions
        self.runs: dict[int, Counter[int]] = {}  # token → {tokens of the sequence that are left: sequences}
        self.delivered: dict[int, Counter[int]] = {}  # token → {all tokens of the sequence: sequences}
        self.whole: dict[int, list[int]] = {}  # token → ids of sequences that hold nothing else

    def add(self, table: numpy.ndarray, lengths: numpy.ndarray, ids: numpy.ndarray) -> None:
        """(n, T) with the end at column 0, and how many of the columns count."""
        some = lengths > 0
        table, lengths, ids = table[some], lengths[some], ids[some]
        if not len(table):
            return
        same = (table == table[:, :1]) & (numpy.arange(table.shape[1]) < lengths[:, None])
        runs = numpy.where(same.all(1), table.shape[1], same.argmin(1))
        ends = table[:, 0]
        for token in numpy.unique(ends).tolist():
            if token not in self.runs and len(self.runs) >= CANDIDATES:
                continue
            mine = ends == token
            self.rows[token] += int(mine.sum())
            self.filled[token] += int(runs[mine].sum())
            self.runs.setdefault(token, Counter()).update((lengths - runs)[mine].tolist())
            self.delivered.setdefault(token, Counter()).update(lengths[mine].tolist())
            whole = self.whole.setdefault(token, [])
            whole.extend(ids[mine & (runs == lengths)][: NAMED - len(whole)].tolist())

    def padding(self, counts: dict[int, int], rows: int) -> int | None:
        """The token that lies nowhere but in these ends, and fills them by different lengths."""
        likely = [
            token for token, runs in self.runs.items()
            if self.filled[token] > self.rows[token] and len(runs) > 1
            and self.rows[token] >= PADDED_ROWS * rows and self.filled[token] >= IN_ENDS * counts.get(token, 0) > 0
        ]  # fmt: skip
        return max(likely, key=lambda token: self.filled[token], default=None)


class Vocabulary:
    """How often each token occurs."""

    def __init__(self) -> None:
        self.table = numpy.zeros(0, numpy.int64)
        self.rest: Counter[int] = Counter()

    def add(self, tokens: numpy.ndarray) -> None:
        """(n,) whole numbers."""
        inside = tokens[(tokens >= 0) & (tokens < TABLE)]
        counted = numpy.bincount(inside) if len(inside) else self.table[:0]
        if len(counted) > len(self.table):
            self.table = numpy.pad(self.table, (0, len(counted) - len(self.table)))
        self.table[: len(counted)] += counted
        if len(inside) < len(tokens) and len(self.rest) < COUNTED:
            values, times = numpy.unique(tokens[(tokens < 0) | (tokens >= TABLE)], return_counts=True)
            self.rest.update(dict(zip(values.tolist(), times.tolist(), strict=True)))

    def counts(self) -> dict[int, int]:
        """The most frequent first, bounded."""
        known = numpy.flatnonzero(self.table)
        found = dict(zip(known.tolist(), self.table[known].tolist(), strict=True)) | self.rest
        return dict(heapq.nlargest(COUNTED, found.items(), key=lambda pair: pair[1]))
