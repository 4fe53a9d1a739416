"""How well one column alone predicts the target, beside what chance would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from nbdebug.data.features.matrix import CATEGORY, Goal, Matrix

BINS = 16  # of a column with more values than that; our choice: narrow enough for a step, wide enough for 30 samples a class
FEWEST = 40  # rows
MOST_CLASSES = 50
ROWS, COLUMNS = 2000, 400  # that are measured; of more columns the first by a linear fit
SEED = 0


@dataclass(frozen=True)
class Power:
    """Of one column: 0 is chance, 1 is perfect. Balanced accuracy above chance for classes, R² for a quantity."""

    field: str
    column: str
    power: float


@dataclass(frozen=True)
class Powers:
    """Of all columns that were measured, the strongest first."""

    target: str
    classes: int  # 0: a quantity
    rows: int
    measured: int  # columns
    columns: int  # that there are
    chance: float  # the strongest column when the targets are permuted, 95 % of the time
    permutations: int
    best: tuple[Power, ...]


def rows_with_target(goal: Goal, most: int = ROWS) -> numpy.ndarray:
    """Rows whose target is known and whose class is seen at least five times; a spread-out choice of them."""
    if goal.classes:
        counts = numpy.bincount(goal.values[goal.values >= 0], minlength=len(goal.classes))
        rows = numpy.flatnonzero((goal.values >= 0) & (counts[goal.values] >= 5))
    else:
        rows = numpy.flatnonzero(numpy.isfinite(goal.values))
    if len(rows) > most:
        rows = numpy.sort(numpy.random.default_rng(SEED).choice(rows, most, replace=False))
    return rows


def what_lacks(goal: Goal, rows: numpy.ndarray) -> str:
    """Why nothing can be said about what predicts this target; "" where something can."""
    values = goal.values[rows]
    if len(rows) < FEWEST:
        of = " of a class that is seen five times" if goal.classes else " with a target"
        return f"there are {len(rows)} samples{of}, and {FEWEST} are needed to tell what gives the target away"
    if values.min() == values.max():
        return f"all targets are the same in the {len(rows):,} samples that were looked at"
    classes = len(numpy.unique(values)) if goal.classes else 0
    return f"{classes} classes are too many to tell what gives them away (at most {MOST_CLASSES})" if classes > MOST_CLASSES else ""


def powers(table: Matrix, goal: Goal, rows: numpy.ndarray, *, permutations: int) -> tuple[Powers, numpy.ndarray, numpy.ndarray]:
    """What each column alone predicts; with the columns that were measured (M,) and their powers (M,)."""
    target = _renumbered(goal.values[rows]) if goal.classes else goal.values[rows]
    chosen = _promising(table.values[rows], target)
    bins = binned(table.values[rows][:, chosen], [table.kinds[column] == CATEGORY for column in chosen])
    measured = power_of_bins(bins, target, bool(goal.classes))
    random = numpy.random.default_rng(SEED)
    strongest = [power_of_bins(bins, random.permutation(target), bool(goal.classes)).max(initial=0.0) for _ in range(permutations)]
    order = numpy.argsort(-measured, kind="stable")
    best = tuple(Power(table.fields[chosen[i]], table.names[chosen[i]], float(measured[i])) for i in order[:15])
    classes = len(numpy.unique(target)) if goal.classes else 0
    chance = float(numpy.quantile(strongest, 0.95)) if strongest else 0.0
    look = Powers(goal.field, classes, len(rows), len(chosen), table.width, chance, permutations, best)
    return look, chosen, measured


def power_of_bins(bins: numpy.ndarray, target: numpy.ndarray, classes: bool) -> numpy.ndarray:
    """(D,) power of a rule that answers by bin, each row predicted from the others in its bin.

    Args:
        bins: (n, D) whole numbers of 0..BINS.
        target: (n,) class numbers, or quantities.
    """
    rows, width = bins.shape
    place = numpy.arange(width) * (BINS + 1) + bins  # (n, D)
    cells = width * (BINS + 1)
    if not classes:
        return _explained(place, target, cells).reshape(width)
    count = int(target.max()) + 1
    counts = numpy.bincount((place * count + target[:, None]).reshape(-1), minlength=cells * count).reshape(width, BINS + 1, count)
    sizes = numpy.bincount(target, minlength=count)  # (classes,)
    share = counts / sizes
    own = (counts - 1) / numpy.maximum(sizes - 1, 1)  # what is left of the class when the row itself is taken out
    ranked = numpy.sort(share, axis=2)
    rival = numpy.where(share == ranked[..., -1:], ranked[..., -2:-1], ranked[..., -1:]) if count > 1 else numpy.zeros_like(share)
    recall = (counts * (own > rival)).sum(1) / sizes  # (D, classes)
    return numpy.clip((recall.mean(1) - 1 / count) / (1 - 1 / count), 0.0, 1.0)


def _explained(place: numpy.ndarray, target: numpy.ndarray, cells: int) -> numpy.ndarray:
    rows, width = place.shape
    centred = target - target.mean()
    flat = place.reshape(-1)
    spread = numpy.broadcast_to(centred[:, None], place.shape).reshape(-1)
    count = numpy.bincount(flat, minlength=cells).reshape(width, -1)
    total = numpy.bincount(flat, spread, minlength=cells).reshape(width, -1)
    square = numpy.bincount(flat, spread**2, minlength=cells).reshape(width, -1)
    within = numpy.maximum(square - total**2 / numpy.maximum(count, 1), 0.0)
    alone = numpy.where(count > 1, within * (count / numpy.maximum(count - 1, 1)) ** 2, square)
    return numpy.clip(1 - alone.sum(1) / max(float((centred**2).sum()), 1e-300), 0.0, 1.0)


def binned(values: numpy.ndarray, categories: list[bool]) -> numpy.ndarray:
    """(n, D) numbers of bins: a value each where there are few, else equally filled; missing ones have their own.

    Of a category, whose levels are numbered by how frequent they are, the rarer ones share a bin.
    """
    bins = numpy.full(values.shape, BINS, numpy.int64)
    for column in range(values.shape[1]):
        if categories[column]:
            bins[:, column] = numpy.where(values[:, column] < 0, BINS, numpy.minimum(values[:, column], BINS - 1))
            continue
        known = numpy.isfinite(values[:, column])
        numbers = values[known, column]
        levels = numpy.unique(numbers)
        if len(levels) > BINS:
            levels = numpy.unique(numpy.quantile(numbers, numpy.arange(BINS) / BINS))
            bins[known, column] = numpy.searchsorted(levels, numbers, side="right") - 1
        elif len(levels):
            bins[known, column] = numpy.searchsorted(levels, numbers)
    return bins


def _promising(values: numpy.ndarray, target: numpy.ndarray) -> numpy.ndarray:
    width = values.shape[1]
    if width <= COLUMNS:
        return numpy.arange(width)
    known = numpy.isfinite(values)
    with numpy.errstate(all="ignore"):
        mean = numpy.where(known, values, 0.0).sum(0) / numpy.maximum(known.sum(0), 1)
        centred = numpy.where(known, values - mean, 0.0)
        scaled = numpy.nan_to_num(centred / numpy.sqrt((centred**2).sum(0)))
    if target.dtype.kind == "f":
        indicators = (target - target.mean())[:, None]
    else:
        indicators = numpy.eye(int(target.max()) + 1)[target]
        indicators = indicators - indicators.mean(0)
    fit = numpy.abs(scaled.T @ (indicators / numpy.sqrt((indicators**2).sum(0)).clip(1e-300))).max(1)
    return numpy.sort(numpy.argsort(-fit, kind="stable")[:COLUMNS])


def _renumbered(codes: numpy.ndarray) -> numpy.ndarray:
    return numpy.unique(codes, return_inverse=True)[1].reshape(-1)
