"""Count, mean and central sums of the finite values of every column, as exact after many chunks as after one."""

from __future__ import annotations

import numpy

from nbdebug.data.gathering.distinct import Distinct
from nbdebug.data.split import QUANTILES, Columns

LARGE, TINY = 1e60, 1e-60  # beyond these a column is scaled by a power of two, so that fourth powers neither overflow nor vanish
BLOCK, WIDE_BLOCK = 65_536, 500_000  # values that are worked on at once: they stay in the processor's cache
TALL = 512  # rows of a block, where columns are many
SURE = 0.01  # that a quantile's rank is off by more than `rank_error`


class Moments:
    """Running sums. Pébay, Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
    moments, SAND2008-6212 (2008). The mean is kept in two parts, so that a time stamp's deviations keep their digits."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.count, self.missing, self.infinite, self.zeros, self.negative = (numpy.zeros(width, numpy.int64) for _ in range(5))
        self.mean, self.rest, self.m2, self.m3, self.m4 = (numpy.zeros(width) for _ in range(5))  # of values / 2 ** power
        self.power = numpy.full(width, -5000)  # none seen
        self.low, self.high = numpy.full(width, numpy.inf), numpy.full(width, -numpy.inf)

    def add(self, table: numpy.ndarray, distinct: Distinct | None = None) -> None:
        """(n, D) numbers."""
        rows = max(1, BLOCK // max(1, self.width), min(TALL, WIDE_BLOCK // max(1, self.width)))
        for start in range(0, len(table), rows):
            block = numpy.ascontiguousarray(table[start : start + rows].T, dtype=numpy.float64)  # (D, n)
            known = self._add(block)
            if distinct is not None:
                distinct.add(block, known)

    def _add(self, block: numpy.ndarray) -> numpy.ndarray | None:
        """(D, n) contiguous; returns which of the values are none, None when all are."""
        count = block.shape[1]
        self.zeros += count - numpy.count_nonzero(block, axis=1)
        self.negative += numpy.count_nonzero(block < 0, axis=1)
        before = (self.count - self.missing - self.infinite).astype(float)
        self.count += count
        low, high = block.min(1), block.max(1)
        known, finite, some = None, None, float(count)
        if not (numpy.isfinite(low).all() and numpy.isfinite(high).all()):  # NaN goes through min and max
            known, finite = block == block, numpy.isfinite(block)
            some = numpy.count_nonzero(finite, axis=1).astype(float)
            absent = count - numpy.count_nonzero(known, axis=1)
            self.missing += absent
            self.infinite += count - absent - some.astype(numpy.int64)
            low, high = block.min(1, where=finite, initial=numpy.inf), block.max(1, where=finite, initial=-numpy.inf)
            block = numpy.where(finite, block, 0.0)
        self.low, self.high = numpy.minimum(self.low, low), numpy.maximum(self.high, high)
        self._rescale(numpy.where(low <= high, numpy.maximum(numpy.abs(low), numpy.abs(high)), 0.0))
        if (shift := self._shift()).any():
            block = numpy.ldexp(block, -shift[:, None])
        self._merge(before, some, *_central(block, finite, some))
        return known

    def _shift(self) -> numpy.ndarray:
        return numpy.where(self.power == -5000, 0, self.power)

    def _rescale(self, largest: numpy.ndarray) -> None:
        """Columns of values near the ends of what a float64 holds are kept in units of a power of two."""
        odd = (largest > LARGE) | (largest < TINY)
        wanted = numpy.where(largest == 0, self.power, numpy.where(odd, numpy.frexp(largest)[1], 0))
        power = numpy.maximum(self.power, wanted)
        if (power == self.power).all():
            return
        less = numpy.where(self.power == -5000, 0, self.power - power)
        for sums, degree in ((self.mean, 1), (self.rest, 1), (self.m2, 2), (self.m3, 3), (self.m4, 4)):
            sums[:] = numpy.ldexp(sums, degree * less)
        self.power = power

    def _merge(self, a, b, mean, rest, m2, m3, m4) -> None:
        n = numpy.maximum(a + b, 1)
        delta = numpy.where(b > 0, (mean - self.mean) + (rest - self.rest), 0.0)
        part = delta / n
        both = a * b * part
        self.m4 += m4 + both * delta * part * part * (a * a - a * b + b * b) + 6 * part**2 * (a * a * m2 + b * b * self.m2) + 4 * part * (a * m3 - b * self.m3)
        self.m3 += m3 + both * delta * part * (a - b) + 3 * part * (a * m2 - b * self.m2)
        self.m2 += m2 + both * delta
        step = self.rest + part * b
        total = self.mean + step
        self.rest = step - (total - self.mean)
        self.mean = total

    def columns(self, names, dtypes, rows: numpy.ndarray, distinct: Distinct | None) -> Columns:
        """The statistics.

        Args:
            rows: (K, D) the sampled ones, for the quantiles.
        """
        n = (self.count - self.missing - self.infinite).astype(float)
        nothing, some, shift = n == 0, numpy.maximum(n, 1), self._shift()
        variance = self.m2 / some
        flat = self.low >= self.high
        scale = numpy.where(variance > 0, variance, 1.0)
        skew, kurtosis = self.m3 / some / scale**1.5, self.m4 / some / scale**2 - 3
        quantiles = quantiles_of(rows)
        quantiles[:, 0], quantiles[:, -1] = self.low, self.high
        quantiles[nothing] = numpy.nan
        counts, exact = distinct.counts() if distinct is not None and not distinct.wide else _sampled_counts(rows, len(rows) == self.count.max(initial=0))
        lone = flat & ~nothing & (self.infinite == 0)
        counts, exact = numpy.where(lone, 1, counts), exact | lone

        def known(values: numpy.ndarray) -> numpy.ndarray:
            return numpy.where(nothing, numpy.nan, values)

        return Columns(
            tuple(names), tuple(dtypes), self.count.copy(), self.missing.copy(), self.infinite.copy(),
            known(numpy.where(flat, self.low, numpy.ldexp(self.mean + self.rest, shift))),
            known(numpy.where(flat, 0.0, numpy.ldexp(numpy.sqrt(variance), shift))), known(numpy.where(flat, 0.0, skew)),
            known(numpy.where(flat, 0.0, kurtosis)), known(self.low), known(self.high), self.zeros.copy(), self.negative.copy(),
            counts, exact, quantiles, rank_error(len(rows), int(self.count.max(initial=0))),
        )  # fmt: skip


def _central(block: numpy.ndarray, finite: numpy.ndarray | None, some) -> tuple[numpy.ndarray, ...]:
    """Mean in two parts, and the sums of the 2nd to 4th powers of the deviations from it, of (D, n)."""
    mean = block.sum(1) / numpy.maximum(some, 1)
    deviation = block - mean[:, None]
    if finite is not None:
        deviation *= finite
    rest = deviation.sum(1) / numpy.maximum(some, 1)  # what rounding left of the mean
    deviation -= rest[:, None]
    if finite is not None:
        deviation *= finite
    square = deviation * deviation
    return mean, rest, square.sum(1), numpy.einsum("dn,dn->d", square, deviation), numpy.einsum("dn,dn->d", square, square)


def quantiles_of(rows: numpy.ndarray) -> numpy.ndarray:
    """(D, 9) at QUANTILES of the finite values of (K, D), with linear interpolation; NaN where there are none."""
    ordered = numpy.sort(numpy.where(numpy.isfinite(rows), rows, numpy.nan), axis=0)  # NaN last
    n = numpy.isfinite(ordered).sum(0)
    if not len(rows):
        return numpy.full((rows.shape[1], len(QUANTILES)), numpy.nan)
    place = numpy.maximum(n - 1, 0)[:, None] * numpy.array(QUANTILES)  # (D, 9)
    below = numpy.floor(place).astype(numpy.int64)
    above = numpy.minimum(below + 1, numpy.maximum(n - 1, 0)[:, None])
    column = numpy.arange(rows.shape[1])[:, None]
    low, high, share = ordered[below, column], ordered[above, column], place - below
    with numpy.errstate(invalid="ignore", over="ignore"):
        return low * (1 - share) + high * share


def rank_error(sampled: int, all_of_them: int) -> float:
    """How far a quantile's rank may be off, 0..1, but once in a hundred: Dvoretzky, Kiefer, Wolfowitz; Massart (1990)."""
    return 0.0 if sampled >= all_of_them else float(numpy.sqrt(numpy.log(2 / SURE) / (2 * max(1, sampled))))


def _sampled_counts(rows: numpy.ndarray, whole: bool) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Different values among the sampled rows, where there are too many columns to follow each."""
    ordered = numpy.sort(rows, axis=0)
    steps = (ordered[1:] != ordered[:-1]) & (ordered[1:] == ordered[1:])
    counts = steps.sum(0) + (ordered[:1] == ordered[:1]).sum(0)
    return counts.astype(numpy.int64), numpy.full(rows.shape[1], whole)
