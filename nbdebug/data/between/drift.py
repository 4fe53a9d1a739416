"""Columns whose distribution differs between train and val, beside what chance and the order of the rows give."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy

from nbdebug.data.accompanying import accompanies
from nbdebug.data.between.found import ClassShift, Drift
from nbdebug.data.between.ks import chance, chance_variation, distance, distances, variation
from nbdebug.data.between.parts import AS_MUCH, GROUPED, blocks, differ_by
from nbdebug.data.between.vectors import table, unpadded
from nbdebug.data.between.views import View, lengths
from nbdebug.data.split import FieldData, Split
from nbdebug.lines.sorted_rows import sorted_rows

WORTH = 0.1  # KS distance below which nothing is told; a shift of a quarter of a standard deviation
RARELY = 1e-3  # of random splits reach what is told, over all columns together
SURELY = 1e-5  # of random splits may reach what is an alarm
LARGE = 0.5  # KS distance of an alarm, our choice: a shift of 1.35 standard deviations; random splits of 20 samples stay below 0.45
TREND, LIKE_ITS_NEIGHBOUR = 4, 0.3  # degree; correlation of neighbours, which in so few samples is chance
MOST_SORTED = 300  # columns
TOLD = 12  # columns in the table
BINS = 24
SIGNALS, ENOUGH = ("image", "series", "audio"), 24  # samples
LENGTHS, FEW = ("tokens", "text"), 8  # different lengths
ENDS, STRETCHED = 0.1, (2.0, 3.0)  # share of sorted values at either end, and how much wider they lie there than in the middle: of a bell 5 times, of a time once
APART, IN_ORDER = 0.98, 0.999  # distance of the means, and share of steps one way, of samples that were sorted and cut
ALONG = 0.5  # rank correlation with the place in train, of a column that goes along with what rows were sorted by; our choice
STRANGE, DRAWN = 0.2, 8  # share of val's tokens that train lacks, of an alarm; random parts of train; our choice
SEQUENCES, LONGEST, VOCABULARY = 2000, 512, 4096  # that are counted: so many sequences, so much of each, and at most so many different tokens
LACKING = "tokens that train lacks"
NAMED_ORDER = re.compile(r"(^|[\W_])(id|ids|index|idx|key|uuid|date|time|timestamp|year|month|day|week|hour|row|no|number|fold|split)($|[\W_])", re.I)


def drifts(view: View, weights: numpy.ndarray | None = None) -> list[Drift]:
    """The columns of one field that drift, the worst first.

    Args:
        weights: (n,) of train's rows, that give its classes the shares of val's.
    """
    n = len(view.train) if weights is None else weights.sum() ** 2 / max(numpy.square(weights).sum(), 1e-300)
    found = distances(view.train, view.val, weights)
    columns = len(found)
    null = [chance(_known(view.train[:, i], n), _known(view.val[:, i], len(view.val)), RARELY / columns) for i in range(columns)]
    worst = [int(i) for i in numpy.argsort(-found) if found[i] > max(WORTH, null[i])]
    told = []
    for place, i in enumerate(worst):
        drift = Drift(view.field, view.names[i], float(found[i]), null[i], 0.0, _shift(view.train[:, i], view.val[:, i]))
        if place < TOLD:
            by_order, beyond = _by_order(view, i)
            drift = replace(drift, by_order=by_order, why_legal=_why_legal(view, i, float(found[i]), n, by_order if beyond else 0.0))
            drift = _with_histogram(drift, view.train[:, i], view.val[:, i])
        else:
            drift = replace(drift, why_legal="one of many")
        told.append(drift)
    return told


def is_independent(values: numpy.ndarray) -> bool:
    """Whether neighbours in the order of the data are no more alike than others, once a bent trend is taken off; those of one recording are."""
    if len(values) < ENOUGH or not numpy.isfinite(values).all():
        return False
    place = numpy.linspace(-1, 1, len(values))
    left = values - numpy.polyval(numpy.polyfit(place, values, TREND), place)
    return bool((left[1:] * left[:-1]).mean() < LIKE_ITS_NEIGHBOUR * left.var()) and left.var() > 0


def category_drifts(train: Split, val: Split) -> list[Drift]:
    """The same for categories, by total variation."""
    found = []
    for theirs in train.fields:
        ours = val.named(theirs.name)
        if theirs.role != "input" or theirs.kind != "category" or ours is None or ours.kind != "category":
            continue
        a, b = getattr(theirs.facts, "counts", None), getattr(ours.facts, "counts", None)
        if not a or not b:
            continue
        names = list(dict.fromkeys([*a, *b]))
        p, q = (numpy.array([float(c.get(name, 0)) for name in names]) for c in (a, b))
        far, null = variation(p, q), chance_variation(p + q, int(p.sum()), int(q.sum()))
        if far > max(WORTH, null):
            many = len(names) > 0.1 * (p.sum() + q.sum())  # names, keys, dates: each value once
            legal = "it has a value of its own for almost every row" if many else _order_in_name(theirs.name) or ("small" if far < LARGE else "")
            found.append(Drift(theirs.name, theirs.name, far, null, 0.0, None, why_legal=legal))
    return found


def token_drifts(train: Split, val: Split) -> list[Drift]:
    """Sequences of val that are made of other tokens than those of train: a good part of them never occurs there, or they are as often as others are there.

    Parts of train, as its rows lie, show whether its texts differ so among themselves.
    """
    found = []
    for theirs in train.fields:
        ours = val.named(theirs.name)
        if theirs.role != "input" or theirs.kind != "tokens" or ours is None or ours.kind != "tokens" or accompanies(theirs):
            continue
        counts = _counted(theirs, ours)
        if counts is None:
            continue
        rows, own = counts
        rows = rows[numpy.argsort(train.ids[: len(rows)], kind="stable")] if train.by_index and train.whole else rows
        parts = blocks(len(rows), len(own) / len(rows))
        random = numpy.random.default_rng(0)
        mixed = numpy.array([random.permutation(part) for part in parts[:DRAWN]], bool).reshape(-1, len(rows))
        for measure, large in ((_strange, STRANGE), (variation, LARGE)):
            far = measure(rows.sum(0), own.sum(0))
            null, by_order = (_farthest(measure, rows, chosen) for chosen in (mixed, parts))
            if far >= large and far > 2 * null + WORTH:
                legal = GROUPED if by_order > AS_MUCH * far else ""
                found.append(Drift(theirs.name, LACKING if measure is _strange else "frequency of tokens", far, null, by_order, None, why_legal=legal))
                break
    return found


def _counted(theirs: FieldData, ours: FieldData) -> tuple[numpy.ndarray, numpy.ndarray] | None:
    """(n, V) and (m, V) how often every token occurs in every sequence; None where there are too many different ones, or too few sequences."""
    cut = []
    for field in (theirs, ours):
        if not isinstance(field.sample, list) or len(field.sample) < ENOUGH:
            return None
        cut.append([unpadded(field, entry)[:LONGEST] if entry is not None else numpy.zeros(0, int) for entry in field.sample[:SEQUENCES]])
    known = numpy.unique(numpy.concatenate([entry for entries in cut for entry in entries]))
    if not 2 <= len(known) <= VOCABULARY:
        return None
    one, other = (numpy.stack([numpy.bincount(numpy.searchsorted(known, entry), minlength=len(known)) for entry in entries]).astype(numpy.float32) for entries in cut)
    return one, other


def _farthest(measure: Callable[[numpy.ndarray, numpy.ndarray], float], rows: numpy.ndarray, parts: numpy.ndarray) -> float:
    """The largest of what these parts (B, n) differ by from all other rows."""
    inside = parts.astype(numpy.float32) @ rows
    return max((measure(rest, part) for rest, part in zip(rows.sum(0) - inside, inside, strict=True)), default=1.0)


def _strange(known: numpy.ndarray, own: numpy.ndarray) -> float:
    """The share of a part's tokens that the other part has not a single time."""
    return float(own[known == 0].sum() / max(1.0, own.sum()))


def sorted_before(train: Split, val: Split) -> list[Drift]:
    """Samples in the order of one quantity, cut into train and val: in dataset order it rises or falls all through train, and val lies beyond.

    Of signals it is their mean, of sequences their length. A column of a table may be a time, or a sum that grows with it: those come at an even pace, where sorted values lie
    the farther apart the nearer they are to either end. Where the text sorts rows by something that is no time, it is none.
    """
    found, by = [], sorted_rows()
    for theirs in train.fields if train.by_index and train.whole else ():
        ours = val.named(theirs.name)
        if ours is None or ours.kind != theirs.kind:
            continue
        for name, a, b in _orders(theirs, ours):
            long = theirs.kind in LENGTHS
            beyond = b.min() >= a.max() if long and len(b) else distance(a, b) >= APART
            if len(a) != len(train.ids) or min(len(a), len(b)) < ENOUGH or not beyond or not _is_sorted(a[numpy.argsort(train.ids, kind="stable")], FEW if long else ENOUGH):
                continue
            if by is not None or theirs.kind in (*SIGNALS, *LENGTHS) or _is_stretched(numpy.concatenate([a, b])):
                found.append(Drift(theirs.name, name, distance(a, b), 0.0, 1.0, _shift(a, b), sorted_by=by))
    return found


def sorted_by_another(view: View, found: list[Drift]) -> list[Drift]:
    """Of the drifts that parts of train would excuse those of columns that go along with what the text sorts the rows by, a column of a frame that is still held in that order."""
    by = sorted_rows() if any(d.why_legal == GROUPED and d.distance >= LARGE for d in found) else None
    if by is None or not by.held:
        return []
    told = []
    for drift in found:
        values = view.train[view.order, view.names.index(drift.column)]
        if drift.why_legal == GROUPED and drift.distance >= LARGE and abs(numpy.corrcoef(values.argsort().argsort(), numpy.arange(len(values)))[0, 1]) >= ALONG:
            told.append(replace(drift, why_legal="", sorted_by=by))
    return told


def _orders(theirs: FieldData, ours: FieldData) -> Iterator[tuple[str, numpy.ndarray, numpy.ndarray]]:
    """The quantities of one field that samples may have been sorted by, of train and of val."""
    if theirs.kind in SIGNALS and theirs.role == "input":
        a, b = _mean_of(theirs.sample), _mean_of(ours.sample)
        if a is not None and b is not None:
            yield "mean of a sample", a, b
    elif theirs.kind in LENGTHS and theirs.role == "input" and isinstance(theirs.sample, list) and isinstance(ours.sample, list):
        yield "length", lengths(theirs), lengths(ours)
    elif theirs.kind in ("tabular", "quantity"):
        a, b = table(theirs), table(ours)
        if a is not None and b is not None and a.shape[1] == b.shape[1] <= MOST_SORTED:
            named = theirs.axis_names if len(theirs.axis_names) == a.shape[1] else tuple(f"column {i}" for i in range(a.shape[1]))
            yield from ((name, a[:, i], b[:, i]) for i, name in enumerate(named) if not _order_in_name(name))


def _is_sorted(values: numpy.ndarray, least: int) -> bool:
    steps = numpy.diff(values)
    return max((steps >= 0).mean(), (steps <= 0).mean()) >= IN_ORDER and len(numpy.unique(values)) >= least


def _is_stretched(values: numpy.ndarray) -> bool:
    """Whether the sorted values lie wider apart at both ends than in the middle."""
    low, first, third, high = numpy.quantile(values, [ENDS, 0.25, 0.75, 1 - ENDS])
    middle = (third - first) / 0.5
    ends = sorted([(low - values.min()) / ENDS, (values.max() - high) / ENDS])
    return middle > 0 and all(end >= wide * middle for end, wide in zip(ends, STRETCHED, strict=True))


def _mean_of(sample: Any) -> numpy.ndarray | None:
    """(K,) of every sample all its values."""
    if not isinstance(sample, numpy.ndarray) or sample.ndim < 2 or sample.dtype.kind not in "fiu":
        return None
    return sample.reshape(len(sample), -1).mean(1, dtype=numpy.float64)


def class_weights(train: Split, view: View, shift: ClassShift | None, val: Split) -> numpy.ndarray | None:
    """Weights of train's rows that give its classes the shares of val; None where they need none, or cannot be had."""
    target, ours = train.target(), val.target()
    if shift is None or target is None or ours is None or shift.absent_share > 0.5:
        return None
    counts = getattr(ours.facts, "counts", None)
    names = getattr(target.facts, "names", ())
    codes = target.sample
    if not counts or not len(names) or not isinstance(codes, numpy.ndarray) or codes.ndim != 1 or len(codes) <= view.rows.max(initial=0):
        return None
    codes = codes[view.rows].astype(numpy.int64)
    known = (codes >= 0) & (codes < len(names))
    had = numpy.bincount(codes[known], minlength=len(names)).astype(float)
    wanted = numpy.array([float(counts.get(name, 0)) for name in names])
    weights = numpy.where(known, (wanted / numpy.maximum(had, 1))[numpy.where(known, codes, 0)], 0.0)
    return weights if weights.sum() > 0 else None


def _known(values: numpy.ndarray, n: float) -> float:
    return n * float(numpy.isfinite(values).mean()) if len(values) else 0.0


def _shift(train: numpy.ndarray, val: numpy.ndarray) -> float | None:
    a, b = train[numpy.isfinite(train)], val[numpy.isfinite(val)]
    spread = a.std() if len(a) else 0.0
    return float((b.mean() - a.mean()) / spread) if len(b) and spread > 0 else None


def _by_order(view: View, column: int) -> tuple[float, bool]:
    """The largest distance between a part of train, as its rows lie, and the rest of it; and whether it is beyond chance."""
    values = view.train[view.order, column]
    return differ_by(values, blocks(len(values), view.share))


def _why_legal(view: View, column: int, far: float, n: float, by_order: float) -> str:
    if by_order > AS_MUCH * far:
        return GROUPED
    surely = chance(_known(view.train[:, column], n), _known(view.val[:, column], len(view.val)), SURELY / view.train.shape[1])
    if far < LARGE or far < surely:
        return "small" if far < LARGE else "few samples"
    if view.kind in ("text", "tokens"):
        return "length alone, as cutting out and padding change it"
    if view.names[column].startswith(("contrast of channel", "spread of channel")):
        return f"{view.names[column].split()[0]} alone, as noise and crops change it"
    if view.kind == "tabular":
        values = view.train[numpy.isfinite(view.train[:, column]), column]
        if len(values) and len(numpy.unique(values)) == len(values) and (values == numpy.round(values)).all():
            return "it has a whole number of its own for every row, as an index or a time has"
        return _order_in_name(view.names[column])
    return ""


def _order_in_name(name: str) -> str:
    return "its name says that it orders the rows" if NAMED_ORDER.search(name) else ""


def _with_histogram(drift: Drift, train: numpy.ndarray, val: numpy.ndarray) -> Drift:
    a, b = train[numpy.isfinite(train)], val[numpy.isfinite(val)]
    edges = numpy.histogram_bin_edges(numpy.clip(numpy.concatenate([a, b]), -1e300, 1e300), BINS)
    counts = (numpy.histogram(numpy.clip(v, -1e300, 1e300), edges)[0] for v in (a, b))
    return replace(drift, edges=tuple(edges.tolist()), **{k: tuple(c.tolist()) for k, c in zip(("train_counts", "val_counts"), counts, strict=True)})
