"""Columns that say the same: copies, linear maps of one another, and how all of them go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from nbdebug.data.features.matrix import CATEGORY, Matrix

SAME = 0.999  # absolute Pearson correlation
TOLD = 20  # pairs that are listed
DRAWN = 30  # columns of the heat-map
ROWS, COLUMNS = 4000, 500  # that are compared


@dataclass(frozen=True)
class Pair:
    """Two columns that say the same."""

    one: str  # "table, age"
    other: str
    how: str  # "equal", "a linear map of it", "the same categories", or "correlated"
    pearson: float


@dataclass(frozen=True)
class Correlations:
    """Between the columns that go together most."""

    names: tuple[str, ...]
    pearson: tuple[tuple[float, ...], ...]
    spearman: tuple[tuple[float, ...], ...]
    columns: int  # compared
    strongest: tuple[tuple[str, str, float, float], ...]  # one, other, Pearson, Spearman; the strongest first, copies left out


def pairs(table: Matrix) -> tuple[Pair, ...]:
    """The copies among the columns, each told once beside the first column that it is a copy of."""
    found: list[Pair] = []
    width = min(table.width, COLUMNS)
    values = table.values[:ROWS, :width]
    if len(values) < 20:
        return ()
    scaled = _scaled(values)
    pearson = scaled.T @ scaled
    taken: set[int] = set()
    for one in range(width):
        for other in numpy.flatnonzero(numpy.abs(pearson[one, one + 1 :]) > SAME) + one + 1 if scaled[:, one].any() else ():
            how = "" if int(other) in taken else _how(values[:, one], values[:, other], table.kinds[one], table.kinds[other])
            if how:
                taken.add(int(other))
                found.append(Pair(table.place(one), table.place(int(other)), how, float(pearson[one, other])))
    categories = [c for c in range(width) if table.kinds[c] == CATEGORY and c not in taken]
    for i, one in enumerate(categories):
        for other in categories[i + 1 :]:
            if other not in taken and _same_categories(values[:, one], values[:, other]):
                taken.add(other)
                found.append(Pair(table.place(one), table.place(other), "the same categories", 1.0))
    return tuple(found[:TOLD])


def correlations(table: Matrix) -> Correlations | None:
    """The matrix of the up to 30 columns that go together most; None with fewer than two."""
    numbers = [c for c in range(table.width) if table.kinds[c] != CATEGORY][:COLUMNS]
    values = table.values[:ROWS][:, numbers]
    if values.shape[1] < 2 or len(values) < 20:
        return None
    varied = numpy.flatnonzero(_scaled(values).any(0))
    if len(varied) < 2:
        return None
    values, numbers = values[:, varied], [numbers[i] for i in varied]
    scaled = _scaled(values)
    pearson = numpy.clip(scaled.T @ scaled, -1, 1)
    ranks = _scaled(_ranks(values))
    spearman = numpy.clip(ranks.T @ ranks, -1, 1)
    apart = numpy.where(numpy.eye(len(numbers), dtype=bool) | (numpy.abs(pearson) > SAME), 0.0, numpy.abs(spearman))
    shown = numpy.sort(numpy.argsort(-apart.max(1), kind="stable")[:DRAWN])
    names = tuple(table.names[c] for c in numbers)
    upper = numpy.triu(apart, 1)
    order = [divmod(int(i), len(numbers)) for i in numpy.argsort(-upper, axis=None, kind="stable")[:10] if upper.flat[i] > 0]
    strongest = tuple((names[i], names[j], float(pearson[i, j]), float(spearman[i, j])) for i, j in order)
    return Correlations(tuple(names[i] for i in shown), _plain(pearson, shown), _plain(spearman, shown), len(numbers), strongest)


def _how(one: numpy.ndarray, other: numpy.ndarray, kind: str, other_kind: str) -> str:
    if CATEGORY in (kind, other_kind):
        return "the same categories" if kind == other_kind and _same_categories(one, other) else ""
    if ((one == other) | (numpy.isnan(one) & numpy.isnan(other))).all():
        return "equal"
    both = numpy.isfinite(one) & numpy.isfinite(other)
    x, y = one[both] - one[both].mean(), other[both] - other[both].mean()
    slope = float(x @ y / (x @ x)) if len(x) and x.any() else 0.0
    return "a linear map of it" if len(x) and numpy.abs(y - slope * x).max() <= 1e-5 * max(y.std(), 1e-300) else "correlated"


def _same_categories(one: numpy.ndarray, other: numpy.ndarray) -> bool:
    """Whether each level of the one goes with one level of the other, and there are two at least."""
    levels, first = numpy.unique(one, return_inverse=True)
    others, second = numpy.unique(other, return_inverse=True)
    together = numpy.unique(first.reshape(-1) * len(others) + second.reshape(-1))
    return 2 <= len(levels) == len(others) == len(together)


def _scaled(values: numpy.ndarray) -> numpy.ndarray:
    """(n, D) of length one around their mean; missing values and constant columns are zero."""
    known = numpy.isfinite(values)
    with numpy.errstate(all="ignore"):
        mean = numpy.where(known, values, 0.0).sum(0) / numpy.maximum(known.sum(0), 1)
        centred = numpy.where(known, values - mean, 0.0)
        length = numpy.sqrt((centred**2).sum(0))
        rounding = 1e-9 * numpy.sqrt(known.sum(0)) * numpy.abs(mean)
        return numpy.where(length > rounding, centred / length, 0.0)


def _ranks(values: numpy.ndarray) -> numpy.ndarray:
    """(n, D) mean ranks; missing values stay missing."""
    ranks = numpy.full(values.shape, numpy.nan)
    for column in range(values.shape[1]):
        known = numpy.isfinite(values[:, column])
        _, place, counts = numpy.unique(values[known, column], return_inverse=True, return_counts=True)
        if len(counts):
            ranks[known, column] = (counts.cumsum() - (counts - 1) / 2)[place.reshape(-1)]
    return ranks


def _plain(matrix: numpy.ndarray, shown: numpy.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(value), 3) for value in row) for row in matrix[shown][:, shown])
