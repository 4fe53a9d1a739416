"""How many different values each column has, in bounded memory."""

from __future__ import annotations

import numpy

from nbdebug.data.gathering.hashing import GOLDEN, mixed

MOST, FEWEST = 16_384, 64  # smallest hashes of a column; the estimate's standard error is 1 / sqrt(MOST) = 0.8 %
MEMORY = 16_000_000  # bytes of hashes of all columns
WIDE = 2048  # columns; of more, the sampled rows are counted
FULL = numpy.uint64(2**64 - 1)


class Distinct:
    """The k smallest hashes of all values of each column. Bar-Yossef et al., Counting distinct elements in a data stream (2002)."""

    def __init__(self, width: int = 1) -> None:
        self.width, self.wide = width, width > WIDE
        self.size = max(FEWEST, min(MOST, MEMORY // 32 // max(1, width)))
        self.limit = numpy.full(width, FULL)  # of each column: a larger hash is not among the smallest
        self.smallest = [] if self.wide else [numpy.zeros(0, numpy.uint64)] * width
        self._waiting: list[list[numpy.ndarray]] = [] if self.wide else [[] for _ in range(width)]
        self._waits = numpy.zeros(width, numpy.int64)
        self._many = numpy.zeros(width, numpy.int64)  # values

    def add(self, values: numpy.ndarray, known: numpy.ndarray | None = None) -> None:
        """One more block.

        Args:
            values: (D, n) float64, or (n,) of one column. -0.0 is 0.0.
            known: bool, as `values`: NaN is no value; None: there is none among them.
        """
        if self.wide or not values.size:
            return
        values = values.reshape(self.width, -1)
        hashes = mixed((values + 0.0).view(numpy.uint64) + GOLDEN)  # (D, n)
        small = hashes < self.limit[:, None]
        if known is None:
            self._many += values.shape[1]
        else:
            known = known.reshape(values.shape)
            small &= known
            self._many += numpy.count_nonzero(known, axis=1)
        for column in numpy.flatnonzero(small.any(1)).tolist():
            self._waiting[column].append(hashes[column, small[column]])
            self._waits[column] += len(self._waiting[column][-1])
            if self._waits[column] > self.size:
                self._settle(column)

    def counts(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """(D,) different values, and whether they are counted and not estimated."""
        if self.wide:
            return numpy.zeros(self.width, numpy.int64), numpy.zeros(self.width, bool)
        for column in numpy.flatnonzero(self._waits).tolist():
            self._settle(column)
        found = numpy.array([len(s) for s in self.smallest], numpy.int64)
        exact = found < self.size
        for column in numpy.flatnonzero(~exact).tolist():
            estimate = round((self.size - 1) / (float(self.smallest[column][-1]) / 2.0**64))
            found[column] = min(estimate, self._many[column])
        return found, exact

    @property
    def exact(self) -> bool:
        """Of a single column: whether none had to be let go of."""
        return bool(self.counts()[1][0])

    @property
    def count(self) -> int:
        """Of a single column: different values, counted or estimated."""
        return int(self.counts()[0][0])

    def _settle(self, column: int) -> None:
        together = numpy.sort(numpy.concatenate([self.smallest[column], *self._waiting[column]]))
        different = together[numpy.r_[True, together[1:] != together[:-1]]] if len(together) else together
        self.smallest[column] = different[: self.size].copy()
        self._waiting[column], self._waits[column] = [], 0
        if len(different) >= self.size:
            self.limit[column] = self.smallest[column][-1]
