"""Every column and channel to look through: its histogram, train beside validation, and its statistics."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy

from nbdebug.data.split import FieldData, Split
from nbdebug.page import Histogram, Table

MOST = 100  # columns
BINS = 30
DRAWN = 50_000  # values of a histogram
SCALED_TO = 10_000  # values of each split, where two are compared
FEW = 30  # different whole numbers that get a bin each
VALUES = 12  # of a category that are listed
HEADS = ("", "mean", "std", "min", "1 %", "median", "99 %", "max", "missing %", "zeros %", "different")
OF_SAMPLE = {"image": "of the small pictures that were kept", "series": "of the sampled series"}

Panels = tuple[Histogram | Table, ...]


def columns(splits: tuple[Split, ...]) -> dict[str, Panels]:
    """Name → how it looks; inputs before targets."""
    fields = sorted(splits[0].fields, key=lambda field: field.role != "input")
    return dict(islice((pair for field in fields for pair in _of_field(field, splits)), MOST))


def _of_field(field: FieldData, splits: tuple[Split, ...]) -> Iterator[tuple[str, Panels]]:
    same = {split.name: other for split in splits if (other := split.named(field.name)) is not None and other.kind == field.kind}
    if field.kind in ("classes", "category") and hasattr(field.facts, "counts"):
        yield field.name, (_counted(field.name, same),)
        return
    if field.columns is None or not isinstance(field.sample, numpy.ndarray) or field.sample.dtype.kind != "f":
        return
    for index, name in enumerate(field.columns.names):
        lone = len(field.columns.names) == 1 and name == "all"
        title = field.name if lone else name if field.axis_names and not name.startswith(("column ", "channel ")) else f"{field.name} {name}"
        yield title, _of_column(title, index, same)


def _of_column(title: str, index: int, same: dict[str, FieldData]) -> Panels:
    rows = {name: _values(field, index) for name, field in same.items() if _has(field, index)}
    stats = tuple((name, *_statistics(same[name], index)) for name in rows)
    table = Table(f"statistics of {title}", HEADS, stats)
    edges = _edges(numpy.concatenate(list(rows.values()))) if rows else None
    if edges is None:
        return (table,)
    counts = {name: _binned(values, edges, alone=len(rows) == 1) for name, values in rows.items()}
    of = OF_SAMPLE.get(next(iter(same.values())).kind, "of the sampled rows")
    caption = f"{of}{'' if len(rows) == 1 else f', of every {SCALED_TO:,} of each split'}; the outer bins hold what lies beyond"
    return Histogram(title, tuple(map(float, edges)), counts, title, caption=caption), table


def _binned(values: numpy.ndarray, edges: numpy.ndarray, *, alone: bool) -> tuple[int, ...]:
    """Counts; beside another split as shares, so that a small one can be compared with a large one."""
    counts = numpy.histogram(values.clip(edges[0], edges[-1]), edges)[0]
    return tuple((counts if alone else (SCALED_TO * counts / max(len(values), 1)).round().astype(int)).tolist())


def _has(field: FieldData, index: int) -> bool:
    return field.columns is not None and isinstance(field.sample, numpy.ndarray) and index < len(field.columns.names)


def _values(field: FieldData, index: int) -> numpy.ndarray:
    width = len(field.columns.names)
    values = field.sample.reshape(-1, width)[:, index]
    values = values[:: len(values) // DRAWN + 1]
    return values[numpy.isfinite(values)].astype(numpy.float64)


def _edges(values: numpy.ndarray) -> numpy.ndarray | None:
    """Bins from the 1st to the 99th percentile; one for each of a few whole numbers."""
    if not len(values):
        return None
    low, high = numpy.quantile(values, [0.01, 0.99])
    if values.min() == values.max() or not numpy.isfinite(high - low):
        return None
    whole = bool((values == values.round()).all()) and values.max() - values.min() < FEW
    if whole:
        return numpy.arange(values.min() - 0.5, values.max() + 1)
    low, high = (low, high) if low < high else (values.min(), values.max())
    return numpy.linspace(low, high, BINS + 1)


def _statistics(field: FieldData, index: int) -> tuple[float | int | None, ...]:
    of = field.columns
    count = max(int(of.count[index]), 1)
    numbers = (of.mean[index], of.std[index], of.low[index], of.quantiles[index][1], of.quantiles[index][4], of.quantiles[index][7], of.high[index])
    shares = (round(100 * float(of.missing[index]) / count, 2), round(100 * float(of.zeros[index]) / count, 2))
    return (*(float(value) if numpy.isfinite(value) else None for value in numbers), *shares, int(of.distinct[index]) if index < len(of.distinct) else None)


def _counted(name: str, same: dict[str, FieldData]) -> Table:
    """The most frequent values, with their counts in each split."""
    first = next(iter(same.values()))
    values = list(first.facts.counts)[:VALUES]
    rows = tuple((str(value)[:80], *(int(field.facts.counts.get(value, 0)) for field in same.values())) for value in values)
    more = len(first.facts.counts) - VALUES
    return Table(f"how often each value of {name} occurs", ("value", *same), rows, f"{more:,} more values" if more > 0 else "")
