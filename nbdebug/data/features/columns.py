"""The statistics of every column, in plain values, and what is remarkable about it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.features.outliers import Outliers, Sentinel, outliers, repeated, sentinel
from nbdebug.data.split import FieldData, Split

NEARLY = 0.995  # share of one value from which on a column is nearly constant
ROW_NUMBER = re.compile(r"(unnamed: ?\d+|index|level_0|row|rows|row[_ ]?(number|num|nr|no|id|index)|id|#|)$", re.IGNORECASE)  # as pandas names its index in a CSV, and people theirs
SKEWED = 1.0  # absolute skewness; Bulmer, Principles of Statistics (1979), calls that highly skewed
STEPS = 20_000  # values of a channel that are looked at
KEPT = 300  # columns that are listed; of more, the most remarkable


@dataclass(frozen=True)
class ColumnLook:
    """One column, over all that was read; quantiles and outliers are of the sampled rows."""

    field: str
    name: str
    dtype: str
    count: int
    missing: int
    infinite: int
    distinct: int
    exact: bool  # whether `distinct` is counted
    mean: float | None  # None: there is no finite value
    std: float | None
    skew: float | None
    kurtosis: float | None
    low: float | None
    high: float | None
    zeros: float  # share, 0..1
    quantiles: tuple[float, ...]  # at split.QUANTILES; empty where there is no finite value
    constant: bool
    nearly_constant: bool
    running: bool  # all different, in even steps, in the order of the rows
    outliers: Outliers | None
    sentinel: Sentinel | None

    @property
    def is_row_number(self) -> bool:
        """Whether it only counts the rows: 0, 1, 2 … or 1, 2, 3 …, under a name that says so."""
        counts = self.running and self.low in (0.0, 1.0) and self.high is not None and self.high - self.low == self.count - 1
        return counts and (ROW_NUMBER.match(self.name.strip()) is not None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is remarkable, in words."""
        return tuple(self._remarks())

    def _remarks(self) -> Iterator[str]:
        if self.missing:
            yield "all missing" if self.missing == self.count else f"{self.missing / self.count:.1%} missing"
        if self.infinite:
            yield f"{self.infinite:,} infinite"
        if self.sentinel is not None:
            yield f"{self.sentinel.value:g} stands for missing" if self.sentinel.certain else f"{self.sentinel.value:g} again and again"
        if self.constant:
            yield "constant"
        elif self.nearly_constant:
            yield "nearly constant"
        if self.running:
            yield "a running number"
        if self.skew is not None and abs(self.skew) > SKEWED and not self.constant:
            yield "skewed"
        if self.outliers is not None and self.outliers.far:
            yield f"{self.outliers.far_share:.1%} far out"


def columns(split: Split, *, whole: bool) -> tuple[int, tuple[ColumnLook, ...]]:
    """How many columns there are, and the most remarkable of them."""
    found = [look for field in split.fields if field.columns is not None for look in _of_field(field, split, whole)]
    order = sorted(range(len(found)), key=lambda i: (-len(found[i].remarks), i))[:KEPT]
    return len(found), tuple(found[i] for i in sorted(order))


def _of_field(field: FieldData, split: Split, whole: bool) -> Iterator[ColumnLook]:
    rows, ids = _rows(field, split.ids)
    for index in range(len(field.columns.names)):
        values = rows[:, index] if index < rows.shape[1] else numpy.zeros(0)
        yield _look(field, index, values, ids, whole)


def _rows(field: FieldData, ids: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(n, D) values of tables and series, and (n,) the samples that they are of; empty for other kinds."""
    sample, width = field.sample, len(field.columns.names)
    if isinstance(sample, numpy.ndarray) and field.kind in ("tabular", "quantity") and sample.ndim <= 2:
        return sample.reshape(len(sample), -1), ids
    if not isinstance(sample, numpy.ndarray) or field.kind != "series" or sample.ndim != 3 or width not in sample.shape[1:]:
        return numpy.zeros((0, 0)), ids
    table = sample if sample.shape[2] == width else sample.swapaxes(1, 2)
    every = -(-table.shape[0] * table.shape[1] // STEPS)
    return table.reshape(-1, width)[::every], numpy.repeat(ids, table.shape[1])[::every]


def _look(field: FieldData, index: int, values: numpy.ndarray, ids: numpy.ndarray, whole: bool) -> ColumnLook:
    stats = field.columns
    count, missing, infinite = int(stats.count[index]), int(stats.missing[index]), int(stats.infinite[index])
    some = count > missing + infinite
    low, high = _plain(stats.low[index]), _plain(stats.high[index])
    finite = values[numpy.isfinite(values)]
    varies = some and low != high
    distinct = int(stats.distinct[index]) if index < len(stats.distinct) else -1
    return ColumnLook(
        field.name, stats.names[index], stats.dtypes[index], count, missing, infinite, distinct,
        bool(stats.exact[index]) if index < len(stats.exact) else False,
        *(_plain(part[index]) for part in (stats.mean, stats.std, stats.skew, stats.kurtosis)), low, high,
        float(stats.zeros[index]) / max(count, 1), tuple(float(q) for q in stats.quantiles[index]) if some else (),
        some and not varies and not infinite, varies and _is_nearly_constant(finite), varies and field.kind == "tabular" and _is_running(values),
        outliers(values, ids) if whole and varies else None, _stand_in(field, finite, values, ids) if varies else None,
    )  # fmt: skip


def _stand_in(field: FieldData, finite: numpy.ndarray, values: numpy.ndarray, ids: numpy.ndarray) -> Sentinel | None:
    """Repeated values are looked at in columns of rows only: series are padded with them."""
    return sentinel(finite, values, ids) or (repeated(finite, values, ids) if field.kind == "tabular" and field.role == "input" else None)


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _is_nearly_constant(finite: numpy.ndarray) -> bool:
    if len(finite) < 50:
        return False
    return float((finite == numpy.median(finite)).mean()) >= NEARLY


def _is_running(values: numpy.ndarray) -> bool:
    """Numbers that count up or down evenly, as those of rows and timestamps do."""
    if len(values) < 20 or not numpy.isfinite(values).all():
        return False
    steps = numpy.diff(numpy.sort(values))
    return bool(steps[0] > 0 and steps.max() <= steps.min() * (1 + 1e-6))
