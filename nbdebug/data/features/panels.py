"""How the features lie, drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from nbdebug.data.features.categories import CategoryLook
from nbdebug.data.features.columns import ColumnLook
from nbdebug.data.features.matrix import NUMBER, Goal, Matrix, place
from nbdebug.data.features.power import Powers
from nbdebug.data.features.transforms import Transform
from nbdebug.page import Heatmap, Histogram, Panel, Table

ROWS = 30
HISTOGRAMS, BEFORE_AFTER = 4, 2
BINS = 24
CLASSES = 5  # that are told apart in one histogram


def distribution(table: Matrix, column: int, goal: Goal | None) -> Histogram | None:
    """Of a column of numbers, by class where there are few."""
    values = table.values[:, column]
    known = numpy.isfinite(values)
    if table.kinds[column] != NUMBER or len(numpy.unique(values[known])) < 2:
        return None
    low, high = numpy.quantile(values[known], (0.005, 0.995))
    if not low < high:
        low, high = values[known].min(), values[known].max()
    edges = numpy.linspace(low, high, BINS + 1)
    inside = numpy.clip(values, low, high)
    if goal is not None and 2 <= len(goal.classes) <= CLASSES:
        parts = {f"{goal.field} {name}": known & (goal.values == code) for code, name in enumerate(goal.classes)}
    else:
        parts = {table.names[column]: known}
    counts = {name: tuple(numpy.histogram(inside[rows], edges)[0].tolist()) for name, rows in parts.items() if rows.any()}
    caption = "the outer bins hold the lowest and the highest half percent too"
    return Histogram(f"distribution of {table.place(column)}", tuple(edges.tolist()), counts, "value", caption=caption)


def panels(look: Any) -> Iterator[Panel]:
    """All panels of a FeatureLook, 12 at most: 3 tables and heat-maps, 4 histograms, 4 of transforms, 1 correlation."""
    if look.looks:
        yield table_of_columns(look.looks, look.columns)
    if look.categories:
        yield table_of_categories(look.categories)
    if look.powers is not None and look.powers.best:
        yield known_alone(look.powers)
    yield from look.distributions
    for transform in look.transforms[:BEFORE_AFTER]:
        yield from before_and_after(transform)
    if look.correlations is not None:
        names = look.correlations.names
        caption = f"of the {look.correlations.columns} columns, the {len(names)} that go together most; rank correlation"
        yield Heatmap("correlation (Spearman)", names, names, look.correlations.spearman, caption=caption)


def table_of_columns(looks: tuple[ColumnLook, ...], columns: int) -> Table:
    """The most remarkable first."""
    order = sorted(looks, key=lambda look: -len(look.remarks))[:ROWS]
    heads = ("column", "remarks", "missing %", "distinct", "mean", "std", "skew", "min", "median", "max", "beyond 1.5 IQR %")
    more = f"; {columns - len(order):,} more columns are less remarkable" if columns > len(order) else ""
    return Table("columns", heads, tuple(map(_row, order)), f"the most remarkable of {columns:,} columns first{more}" if columns > 1 else "")


def table_of_categories(looks: tuple[CategoryLook, ...]) -> Table:
    """The most remarkable first."""
    order = sorted(looks, key=lambda look: -len(look.remarks))[:ROWS]
    rows = tuple(
        (c.field, ", ".join(c.remarks), c.count, c.levels, ", ".join(f"{name} ({n:,})" for name, n in c.top), c.rare) for c in order
    )
    caption = f"{len(looks) - len(order):,} more are less remarkable" if len(looks) > len(order) else ""
    return Table("categories", ("column", "remarks", "samples", "levels", "most frequent", "below 1 %"), rows, caption)


def _row(look: ColumnLook) -> tuple[str | int | float | None, ...]:
    near = None if look.outliers is None else round(100 * look.outliers.near * look.outliers.far_share / look.outliers.far, 2) if look.outliers.far else 0.0
    middle = look.quantiles[4] if look.quantiles else None
    distinct = None if look.distinct < 0 else look.distinct
    return (
        place(look.field, look.name), ", ".join(look.remarks), round(100 * look.missing / max(look.count, 1), 2), distinct, look.mean, look.std, look.skew, look.low, middle, look.high,
        near,
    )  # fmt: skip


def known_alone(powers: Powers) -> Heatmap:
    """What each column alone predicts, beside chance."""
    rows = tuple(place(p.field, p.column) for p in powers.best)
    measure = "balanced accuracy above chance" if powers.classes else "share of the variance explained"
    caption = (
        f"{measure}, each of {powers.rows:,} rows predicted from the others in its bin; the best of all {powers.measured} columns "
        f"reaches {powers.chance:.2f} when the targets are permuted"
    )
    values = tuple((round(p.power, 3), round(powers.chance, 3)) for p in powers.best)
    return Heatmap(f"what one column alone knows of {powers.target}", rows, ("this column", "permuted targets"), values, caption=caption)


def before_and_after(transform: Transform) -> Iterator[Histogram]:
    """Two histograms, to be seen side by side."""
    yield Histogram(
        f"{transform.place} as it is", transform.edges, {"before": transform.counts}, "x", caption=f"skewness {transform.before:.2f}"
    )
    yield Histogram(
        f"{transform.place} after {transform.name}", transform.new_edges, {"after": transform.new_counts}, transform.code,
        caption=f"skewness {transform.after:.2f}: {transform.code}",
    )  # fmt: skip
