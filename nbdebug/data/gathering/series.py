"""Series and recordings: lengths, gaps, silence, clipping; the sampled ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.gathering.numbers import NumberGather
from nbdebug.data.split import FieldData

NAMED = 1000  # series of one make whose ids are remembered
CLIPPED_SHARE = 0.01  # of the samples stand at an extreme with one there on either side; our choice: a sine of 440 Hz at 16 kHz has none
SQUARE_SHARE = 0.95  # of the samples stand at one of both extremes: a square wave, or bits


@dataclass(frozen=True)
class SeriesFacts:
    """Of all series or recordings that were read."""

    lengths: dict[int, int]  # time steps → series
    gaps: tuple[int, tuple[int, ...]]  # series that hold NaN; ids of the first of them
    constant: tuple[int, tuple[int, ...]]  # one value throughout, not 0
    silent: tuple[int, tuple[int, ...]]  # 0 throughout
    clipped: tuple[int, tuple[int, ...]]  # stand at their extreme for longer than a wave does
    offset: tuple[int, tuple[int, ...]]  # their mean is larger than their spread
    series: int


class SeriesGather:
    """For series and recordings, (n, T), (n, T, D) or a list of arrays of their own length; their columns as NumberGather counts them."""

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.kind = kind
        self.numbers = NumberGather(field, kind, slots)
        self.lengths: Counter[int] = Counter()
        self.seen = 0
        self.counts: Counter[str] = Counter()
        self.ids: dict[str, list[int]] = {word: [] for word in ("gaps", "constant", "silent", "clipped", "offset")}

    @property
    def sample(self) -> Any:
        """The sampled rows."""
        return self.numbers.sample

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray, ids: numpy.ndarray | None = None) -> None:
        """One more chunk; series without ids are called by their running numbers."""
        ids = numpy.arange(self.seen, self.seen + len(field.values)) if ids is None else ids
        self.seen += len(field.values)
        self.numbers.add(field, slots, rows)
        if isinstance(field.values, numpy.ndarray):
            self.lengths[max(field.values.shape[1:], default=1)] += len(field.values)
            self._judge(field.values.reshape(len(field.values), -1), ids)
            return
        for series, number in zip(field.values, ids, strict=True):
            if isinstance(series, numpy.ndarray) and series.size and series.dtype.kind in "fiub":
                self.lengths[max(series.shape)] += 1
                self._judge(series.reshape(1, -1), numpy.array([number]))

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far; `sample` as NumberGather gives it."""
        found = {word: (self.counts[word], tuple(ids)) for word, ids in self.ids.items()}
        return replace(self.numbers.look(order), facts=SeriesFacts(dict(self.lengths), **found, series=self.seen))

    def _judge(self, table: numpy.ndarray, ids: numpy.ndarray) -> None:
        """(n, T) series; several channels of one count as one long series."""
        if not table.shape[1]:
            return
        missing = numpy.isnan(table).any(1) if table.dtype.kind == "f" else numpy.zeros(len(table), bool)
        low, high = table.min(1), table.max(1)  # NaN where there is any
        flat = low == high
        self._note("gaps", missing, ids)
        self._note("silent", flat & (high == 0), ids)
        self._note("constant", flat & (high != 0) & (table.shape[1] > 1), ids)
        if self.kind == "audio":
            judged = ~flat & ~missing
            self._note("clipped", judged & clipped(table, low, high), ids)
            mean, std = table.mean(1, dtype=numpy.float64), table.std(1, dtype=numpy.float64)
            self._note("offset", judged & (numpy.abs(mean) > std), ids)

    def _note(self, word: str, which: numpy.ndarray, ids: numpy.ndarray) -> None:
        self.counts[word] += int(which.sum())
        self.ids[word].extend(ids[which][: NAMED - len(self.ids[word])].tolist())


def clipped(table: numpy.ndarray, low: numpy.ndarray, high: numpy.ndarray) -> numpy.ndarray:
    """Which of n recordings (n, T) stand at their lowest or highest value for three samples and more in a row."""
    found, outer = numpy.zeros(len(table), bool), numpy.zeros(len(table))
    for extreme in (low, high):
        at = table == extreme[:, None]
        outer += at.mean(1)
        runs = at[:, :-2] & at[:, 1:-1] & at[:, 2:]
        found |= (extreme != 0) & (runs.mean(1) > CLIPPED_SHARE) if runs.shape[1] else found
    return found & (outer < SQUARE_SHARE)
