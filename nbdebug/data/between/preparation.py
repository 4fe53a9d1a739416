"""The same content in other units: is there one rule that makes of train's values those of val?

Each rule is tried, not inferred: only when it brings all columns down to what two halves of train differ by is it preparation,
and what is left otherwise is drift.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy

from nbdebug.data.between.found import Preparation
from nbdebug.data.between.ks import chance, distance, distances
from nbdebug.data.between.views import View

Rule = Callable[[numpy.ndarray], numpy.ndarray]
CLEAR = 0.5  # KS distance that there must be without the rule
RARELY = 1e-3  # of halves of train differ by more than the bound, over all columns together
SLACK = 0.02  # for rounding
FEWEST = 24  # samples of val: of fewer, almost any rule will do
STANDARD = 0.1  # a mean within it of 0, and a standard deviation within it of 1, are those of standardised columns
FEW, SHARED = (3, 50), 0.2  # values of a column that is known by them, and their share of the rows at most; our choice
STRANGERS, SEEN = 0.02, 2000  # values that may be no values of a column, or its own after all; rows whose values are counted
BESIDE, CURVED, SKEWED = 4, 0.25, 0.3  # columns of a table of which one is a logarithm; its distance without the rule, and how much more skewed one side must be; our choice
CLOSELY = 1 / 3  # of the bound: among a thousand curves one comes near to almost any drift (0.38 of it and more), and the right one much nearer
OTHERWISE = 5.0  # times the deviation, from which two columns are in other units; our choice
WIDELY = 0.5  # of the columns must have moved for a rule of the whole field
REACH, WIDER = 5.0, 3.0  # deviations of train that the mean of val lies off, and times its deviation, within which rows that were chosen may lie; our choice
TAILS = ((0.25, 0.75), (0.05, 0.5), (0.1, 0.9))  # quantiles that a column with a long tail is laid by, the best of them
FACTORS = {
    "/ 255": 1 / 255, "* 255": 255.0, "/ 10": 0.1, "* 10": 10.0, "/ 100": 0.01, "* 100": 100.0, "/ 1000": 1e-3, "* 1000": 1e3,
    "/ 1e6": 1e-6, "* 1e6": 1e6, "/ 60": 1 / 60, "* 60": 60.0, "/ 3600": 1 / 3600, "* 3600": 3600.0, "* 2.54": 2.54, "/ 2.54": 1 / 2.54,
    "* 1.609": 1.609344, "/ 1.609": 1 / 1.609344, "* 0.3048": 0.3048, "/ 0.3048": 1 / 0.3048, "* 24": 24.0, "/ 24": 1 / 24,
    "* 0.4536": 0.45359237, "/ 0.4536": 1 / 0.45359237, "* -1": -1.0,
}  # fmt: skip


def preparation(view: View, chosen: bool = False) -> list[Preparation]:
    """The rules that explain how a table's columns differ; empty unless they explain all of it.

    Args:
        chosen: the targets of val are others than those of train, so that its rows may be others, too.
    """
    if view.kind not in ("tabular", "quantity") or len(view.val) < FEWEST or len(view.train) < FEWEST:
        return []
    before = distances(view.train, view.val)
    columns = len(before)
    bound = chance(len(view.train), len(view.val), RARELY / columns) + SLACK
    moved = [int(i) for i in numpy.flatnonzero(before > bound)]
    by_values = _by_values(view) or _logarithm(view, before, bound, moved)
    if by_values or not moved or before.max() < max(CLEAR, 1.5 * bound):
        return by_values
    varying = max(1, int((numpy.nanstd(view.train, 0) > 0).sum()))
    whole = _one_rule(view, before, bound, chosen) if len(moved) >= WIDELY * varying else []
    return whole or _other_order(view, before, bound, moved) or _rule_by_column(view, before, bound, moved) or _other_units(view, before, bound, moved)


def _one_rule(view: View, before: numpy.ndarray, bound: float, chosen: bool) -> list[Preparation]:
    """A rule for the whole field."""
    best: tuple[float, str] | None = None
    for said, train, val in _whole_rules(view, chosen and within_reach(view)):
        after = float(numpy.minimum(distances(train, val), _by_quantiles(train, val) if "standardised" in said else 1.0).max())
        if after <= bound and (best is None or after < best[0]):
            best = (after, said)
    if best is None:
        return []
    places = view.names[:1] if len(view.names) == 1 else ()
    return [Preparation(view.field, places, best[1], float(before.max()), best[0], bound, True)]


def within_reach(view: View) -> bool:
    """Whether val lies where some of train's rows might: other rows have another mean and deviation as well, and one's own would hide it."""
    train, val = view.train, view.val
    spread = numpy.nanstd(train, 0)
    varying = spread > 1e-9
    off = numpy.abs(numpy.nanmean(val, 0) - numpy.nanmean(train, 0))[varying] / spread[varying]
    return bool((off <= REACH).all() and (numpy.nanstd(val, 0)[varying] <= WIDER * spread[varying]).all())


def _by_quantiles(train: numpy.ndarray, val: numpy.ndarray) -> numpy.ndarray:
    """(D,) the distances when two quantiles of val are laid on those of train: a few far values spoil a column's deviation."""
    found = []
    for ends in TAILS:
        (low, high), (least, most) = numpy.nanquantile(train, ends, 0), numpy.nanquantile(val, ends, 0)
        with numpy.errstate(all="ignore"):
            laid = (val - least) * ((high - low) / (most - least)) + low
        found.append(numpy.where(numpy.isfinite(laid).any(0), distances(train, laid), 1.0))
    return numpy.min(found, 0)


def _whole_rules(view: View, near: bool):
    """(sentence, train, val): what train and val are once the rule is applied to one of them.

    Args:
        near: val's rows are others than train's, and may have come to lie where they do by that alone.
    """
    train, val = view.train, view.val
    with numpy.errstate(all="ignore"):
        alone = train.shape[1] == 1 or near  # of one column any two bells are the same, standardised
        if not alone and standard(val) and not standard(train):
            yield "val is standardised, train is not: val is (train - mean) / std of train", standardised(train), val
        if not alone and standard(train) and not standard(val):
            yield "train is standardised, val is not", train, standardised(val)
        if not alone and _unit(val) and not _unit(train):
            yield "val is scaled to 0..1, train is not", _scaled(train), val
        if not alone and _unit(train) and not _unit(val):
            yield "train is scaled to 0..1, val is not", train, _scaled(val)
        for said, factor in FACTORS.items():
            yield f"val is train {said}", train * factor, val
        if numpy.nanmin(train) >= 0:
            yield "val is log(1 + train)", numpy.log1p(train), val
        if numpy.nanmin(val) >= 0:
            yield "train is log(1 + val)", train, numpy.log1p(val)
        if train.shape[1] >= BESIDE and not within_reach(view) and numpy.isfinite(train).all() and numpy.isfinite(val).all():
            factor = val.std() / train.std() if train.std() > 0 else 0.0
            add = val.mean() - factor * train.mean()
            yield f"val is train * {factor:.4g} {'+' if add >= 0 else '-'} {abs(add):.4g} in every column", train * factor + add, val


def _by_values(view: View) -> list[Preparation]:
    """Columns of few values tell by these which they are: those of val are none of their own column's in train, and all of another's."""
    few = [column for column in range(view.train.shape[1]) if FEW[0] <= len(numpy.unique(view.train[:SEEN, column])) <= min(FEW[1], SHARED * len(view.train[:SEEN]))]
    found = {}
    for column in few:
        known = numpy.unique(view.train[:, column])
        held = [_share_among(view.val[:, other], known) for other in range(view.val.shape[1])]
        best = int(numpy.argmax(held))
        if held[column] <= STRANGERS and held[best] >= 1 - STRANGERS and len(numpy.unique(view.val[:, best])) >= FEW[0]:
            found[best] = column
    if not found or len(set(found.values())) < len(found):
        return []
    said = ", ".join(f"{view.names[theirs]} of val holds the values of {view.names[column]} of train" for theirs, column in sorted(found.items())[:3])
    names = tuple(view.names[theirs] for theirs in sorted(found))
    return [Preparation(view.field, names, f"the columns lie in another order: {said}", None, None, None, True)]


def _share_among(values: numpy.ndarray, known: numpy.ndarray) -> float:
    """Of the values that are equal, but for rounding, to one of these sorted ones."""
    values = values[numpy.isfinite(values)]
    known = known[numpy.isfinite(known)]
    if not len(values) or not len(known):
        return 0.0
    at = numpy.clip(numpy.searchsorted(known, values), 1, max(1, len(known) - 1))
    nearest = numpy.minimum(numpy.abs(values - known[at - 1]), numpy.abs(values - known[numpy.minimum(at, len(known) - 1)]))
    return float((nearest <= 1e-5 * max(float(numpy.ptp(known)), 1e-12)).mean())


def _logarithm(view: View, before: numpy.ndarray, bound: float, moved: list[int]) -> list[Preparation]:
    """One column of a standardised table that is a logarithm on one side only, both less the mean and over the deviation of train."""
    if len(moved) != 1 or len(before) < BESIDE or before[moved[0]] < max(CURVED, 2 * bound) or not standard(view.train):
        return []
    column = moved[0]
    train, val = (part[numpy.isfinite(part[:, column]), column] for part in (view.train, view.val))
    for said, curve, sign in (("train is log(1 + x), val is x", numpy.expm1, 1), ("val is log(1 + x), train is x", numpy.log1p, -1)):
        if sign * (_skew(val) - _skew(train)) < SKEWED:
            continue
        grid = [(mean, spread) for mean in numpy.linspace(0.1, 12, 40) for spread in numpy.geomspace(0.05, 3, 25)]
        after, mean, spread = min(_curved(curve, train, val, *place) for place in grid)
        for step in (0.15, 0.075, 0.04, 0.02):  # nearer and nearer to the best of the grid
            near = [(mean + i * step, spread * (1 + j * step)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            after, mean, spread = min(_curved(curve, train, val, *place) for place in near)
        if after <= CLOSELY * bound:
            rule = f"{said}, both standardised with the mean and the deviation of train"
            return [Preparation(view.field, (view.names[column],), rule, float(before[column]), after, bound, True)]
    return []


def _curved(curve: Callable, train: numpy.ndarray, val: numpy.ndarray, mean: float, spread: float) -> tuple[float, float, float]:
    """How far val lies from what the curve makes of train, both standardised with this mean and deviation."""
    with numpy.errstate(all="ignore"):
        made = (curve(spread * train + mean) - mean) / spread
    return (distance(made, val) if numpy.isfinite(made).all() else 1.0), mean, spread


def _other_units(view: View, before: numpy.ndarray, bound: float, moved: list[int]) -> list[Preparation]:
    """A few columns of a table of which val's are of train's shape, and of another size altogether; all others lie where they did."""
    if len(before) < BESIDE or len(moved) > len(before) // 3:
        return []
    found = []
    for column in moved:
        train, val = (part[numpy.isfinite(part[:, column]), column] for part in (view.train, view.val))
        spread, own = train.std(), val.std()
        if before[column] < CLEAR or not min(spread, own) > 0 or max(spread, own) < OTHERWISE * min(spread, own):
            return []
        after = distance((train - train.mean()) / spread, (val - val.mean()) / own)
        if after > bound or len(numpy.unique(train[:SEEN])) < FEW[1]:
            return []
        said = f"val is of train's shape in other units: its mean is {val.mean():.3g} and its deviation {own:.3g}, those of train are {train.mean():.3g} and {spread:.3g}"
        found.append(Preparation(view.field, (view.names[column],), said, float(before[column]), after, bound, True))
    return found


def _skew(values: numpy.ndarray) -> float:
    deviations = values - values.mean()
    return float((deviations**3).mean() / max(1e-12, float((deviations**2).mean()) ** 1.5))


def _rule_by_column(view: View, before: numpy.ndarray, bound: float, moved: list[int]) -> list[Preparation]:
    """A rule for each column that differs; none if one is left over."""
    found = []
    for column in moved:
        if before[column] < CLEAR:
            return []
        said = _of_column(view.train[:, column], view.val[:, column], bound)
        if said is None:
            return []
        found.append(Preparation(view.field, (view.names[column],), said[1], float(before[column]), said[0], bound, True))
    return found


def _of_column(train: numpy.ndarray, val: numpy.ndarray, bound: float) -> tuple[float, str] | None:
    tried: list[tuple[float, str]] = []
    with numpy.errstate(all="ignore"):
        rules = [(f"val is train {said}", train * factor, val) for said, factor in FACTORS.items()]
        rules += [("val is train * 1.8 + 32", train * 1.8 + 32, val), ("train is val * 1.8 + 32", train, val * 1.8 + 32)]
        for said, log in (("log", numpy.log), ("log10", numpy.log10), ("log1p", numpy.log1p)):
            rules += [(f"val is {said} of train", log(train), val), (f"train is {said} of val", train, log(val))]
        for said, a, b in rules:
            if numpy.isfinite(a).sum() > 0.9 * numpy.isfinite(train).sum() and numpy.isfinite(b).sum() > 0.9 * numpy.isfinite(val).sum():
                tried.append((distance(a, b), said))
    best = min(tried)
    return best if best[0] <= bound else None


def _other_order(view: View, before: numpy.ndarray, bound: float, moved: list[int]) -> list[Preparation]:
    """The same columns in another order."""
    if len(moved) < 2:
        return []
    order = numpy.arange(len(before))
    free = set(moved)
    for column in moved:
        best = min(free, key=lambda other: distance(view.train[:, other], view.val[:, column]))
        order[column] = best
        free.remove(best)
    after = float(distances(view.train[:, order], view.val).max())
    if after > bound:
        return []
    names = tuple(view.names[column] for column in moved)
    said = ", ".join(f"{view.names[column]} of val holds what {view.names[order[column]]} of train does" for column in moved[:3])
    return [Preparation(view.field, names, f"the columns lie in another order: {said}", float(before.max()), after, bound, True)]


def standard(values: numpy.ndarray) -> bool:
    """Whether nearly all columns that vary have mean 0 and deviation 1."""
    mean, spread = numpy.nanmean(values, 0), numpy.nanstd(values, 0)
    varying = spread > 1e-9
    near = STANDARD + 4 / len(values) ** 0.5  # and what the samples give
    return bool(varying.any()) and bool(((numpy.abs(mean) < near) & (spread < 1 + 2 * near) & (spread > 1 / (1 + 2 * near)))[varying].mean() >= 0.9)


def standardised(values: numpy.ndarray) -> numpy.ndarray:
    spread = numpy.nanstd(values, 0)
    return (values - numpy.nanmean(values, 0)) / numpy.where(spread > 1e-9, spread, 1.0)


def _unit(values: numpy.ndarray) -> bool:
    low, high = numpy.nanmin(values, 0), numpy.nanmax(values, 0)
    return bool((numpy.abs(low) < 0.2).all() and (numpy.abs(high - 1) < 0.2).all())


def _scaled(values: numpy.ndarray) -> numpy.ndarray:
    low, high = numpy.nanmin(values, 0), numpy.nanmax(values, 0)
    return (values - low) / numpy.where(high > low, high - low, 1.0)
