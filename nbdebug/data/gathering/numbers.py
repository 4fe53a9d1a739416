"""Columns of numbers: exact moments of all rows, and the sampled rows."""

from __future__ import annotations

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.gathering.distinct import Distinct
from nbdebug.data.split import QUANTILES, Columns, FieldData


class NumberGather:
    """For tabular, quantity, series and audio fields. A column is the last axis (of a series too); one when there is none."""

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.field, self.kind = field, kind
        width = 1 if field.values.ndim == 1 else field.values.shape[-1]
        self.shapes: dict[tuple[int, ...], int] = {}
        self.sample = numpy.full((slots, *field.values.shape[1:]), numpy.nan)
        self.moments = Moments(width)
        self.distinct = [Distinct() for _ in range(width)]

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        """One more chunk."""
        values = numpy.asarray(field.values)
        self.shapes[values.shape[1:]] = self.shapes.get(values.shape[1:], 0) + len(values)
        if values.shape[1:] != self.sample.shape[1:]:
            return
        self.sample[slots] = values[rows]
        table = values.reshape(-1, self.moments.width).astype(numpy.float64)
        self.moments.add(table)
        for column, distinct in enumerate(self.distinct):
            distinct.add(table[:, column])

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far."""
        sample = self.sample[order]
        width = self.moments.width
        rows = sample.reshape(-1, width)
        names = self.field.names or (("all",) if self.sample.ndim == 1 else tuple(f"column {i}" for i in range(width)))
        columns = self.moments.columns(names, (self.field.dtype,) * width, rows, self.distinct)
        return FieldData(self.field.name, self.field.role, self.kind, self.field.dtype, dict(self.shapes), columns, sample, None, names)


class Moments:
    """Running count, mean and central sums of the finite values of every column. Pébay, SAND2008-6212 (2008)."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.count, self.missing, self.infinite, self.zeros, self.negative = (numpy.zeros(width, numpy.int64) for _ in range(5))
        self.mean, self.m2, self.m3, self.m4 = (numpy.zeros(width) for _ in range(4))
        self.low, self.high = numpy.full(width, numpy.inf), numpy.full(width, -numpy.inf)

    def add(self, table: numpy.ndarray) -> None:
        """(n, D) float64."""
        missing, finite = numpy.isnan(table), numpy.isfinite(table)
        self.count += len(table)
        self.missing += missing.sum(0)
        self.infinite += (~finite & ~missing).sum(0)
        self.zeros += (table == 0).sum(0)
        self.negative += (table < 0).sum(0)
        n = finite.sum(0)
        filled = numpy.where(finite, table, 0.0)
        mean = filled.sum(0) / numpy.maximum(n, 1)
        deviation = numpy.where(finite, table - mean, 0.0)
        square = deviation * deviation
        before = self.count - len(table) - (self.missing - missing.sum(0)) - (self.infinite - (~finite & ~missing).sum(0))
        self._merge(before, n, mean, square.sum(0), (square * deviation).sum(0), (square * square).sum(0))
        self.low = numpy.minimum(self.low, numpy.where(finite, table, numpy.inf).min(0, initial=numpy.inf))
        self.high = numpy.maximum(self.high, numpy.where(finite, table, -numpy.inf).max(0, initial=-numpy.inf))

    def _merge(self, a, b, mean, m2, m3, m4) -> None:
        n = numpy.maximum(a + b, 1).astype(float)
        delta = numpy.where(b > 0, mean - self.mean, 0.0)
        self.m4 = self.m4 + m4 + delta**4 * a * b * (a * a - a * b + b * b) / n**3 + 6 * delta**2 * (a * a * m2 + b * b * self.m2) / n**2 + 4 * delta * (a * m3 - b * self.m3) / n
        self.m3 = self.m3 + m3 + delta**3 * a * b * (a - b) / n**2 + 3 * delta * (a * m2 - b * self.m2) / n
        self.m2 = self.m2 + m2 + delta**2 * a * b / n
        self.mean = self.mean + delta * b / n

    def columns(self, names, dtypes, rows: numpy.ndarray, distinct: list[Distinct]) -> Columns:
        """The statistics; quantiles from the sampled rows."""
        n = (self.count - self.missing - self.infinite).astype(float)
        nothing = n == 0
        some = numpy.maximum(n, 1)
        variance = self.m2 / some
        scale = numpy.where(variance > 0, variance, 1.0)
        skew, kurtosis = self.m3 / some / scale**1.5, self.m4 / some / scale**2 - 3
        flat = (variance <= 0) & ~nothing
        quantiles = numpy.full((self.width, len(QUANTILES)), numpy.nan)
        for index in range(self.width):
            column = rows[:, index][numpy.isfinite(rows[:, index])]
            if len(column):
                quantiles[index] = numpy.quantile(column, QUANTILES)
        quantiles[:, 0], quantiles[:, -1] = numpy.where(nothing, numpy.nan, self.low), numpy.where(nothing, numpy.nan, self.high)

        def known(values: numpy.ndarray) -> numpy.ndarray:
            return numpy.where(nothing, numpy.nan, values)

        return Columns(
            tuple(names), tuple(dtypes), self.count.copy(), self.missing.copy(), self.infinite.copy(), known(self.mean),
            known(numpy.sqrt(variance)), known(numpy.where(flat, 0.0, skew)), known(numpy.where(flat, 0.0, kurtosis)), known(self.low),
            known(self.high), self.zeros.copy(), self.negative.copy(), numpy.array([d.count for d in distinct]),
            numpy.array([d.exact for d in distinct], dtype=bool), quantiles,
        )  # fmt: skip
