"""Class shares of train beside those of val."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy

from nbdebug.data.between.found import ClassShift
from nbdebug.data.between.ks import chance_variation, variation
from nbdebug.data.split import FieldData, Split

WORTH = 0.1  # total variation below which nothing is told
LARGE = 0.4  # of an alarm, our choice: four samples in ten would have to change their class
ABSENT = 0.2  # share of val whose classes train does not have, that is an alarm
NAMED = 12  # classes
FEWEST = 30  # samples of val for an alarm
RESAMPLED = 0.02  # share of samples drawn again, from which on a sampler has chosen the shares
EVEN = 0.05  # total variation to even shares
MANY = 20  # classes: more of them, all apart, are metric learning or new identities


def class_shift(train: Split, val: Split) -> ClassShift | None:
    """Of the first target that is a class a sample; None where chance explains the difference."""
    theirs, ours = train.target(), val.target()
    if theirs is None or ours is None or theirs.kind != "classes" or ours.kind != "classes":
        return None
    a, b = _counts(theirs, train), _counts(ours, val)
    if not a or not b:
        return None
    names = [name for name in dict.fromkeys([*a, *b]) if not _is_no_class(name, a, b)]
    p, q = (numpy.array([float(c.get(name, 0)) for name in names]) for c in (a, b))
    far, null = variation(p, q), chance_variation(p + q, int(p.sum()), int(q.sum()))
    if far <= max(WORTH, null):
        return None
    worst = numpy.argsort(-numpy.abs(p / p.sum() - q / q.sum()))[:NAMED]
    absent = [i for i in numpy.argsort(-q) if p[i] == 0 and q[i] > 0]
    share = float(q[absent].sum() / q.sum())
    return ClassShift(
        theirs.name, far, null, tuple(str(names[i]) for i in worst), tuple((p / p.sum())[worst].tolist()), tuple((q / q.sum())[worst].tolist()),
        tuple(str(names[i]) for i in absent[:NAMED]), share, _why_legal(train, names, p, q, far, share),
    )  # fmt: skip


def _why_legal(train: Split, names: list, p: numpy.ndarray, q: numpy.ndarray, far: float, absent: float) -> str:
    if q.sum() < FEWEST:
        return "few samples"
    if not train.whole:
        return "not all of train was read"
    if (p * q == 0).all() and len(p) > MANY:
        return "they have no class in common, as identities of metric learning"
    if far < LARGE and absent < ABSENT:
        return "small"
    if absent >= ABSENT:
        return ""
    if _drawn_again(train) > RESAMPLED:
        return "a sampler draws samples of train again"
    once = _counted_once(train, names)
    if once is not None and variation(once, q) < LARGE:
        return "train holds samples of some classes more than once, and counted once they are shared out like val's"
    for name, counts in (("train", p), ("val", q)):
        if _even(counts):
            return f"the classes of {name} are even, as if by design"
    return ""


def _is_no_class(name: Any, theirs: Counter, ours: Counter) -> bool:
    """Whether a label below 0 marks samples of train as unlabelled: val has none of them, and the classes count from 0."""
    return isinstance(name, int) and name < 0 and not ours.get(name) and sum(isinstance(other, int) and other >= 0 for other in theirs) >= 2


def _even(counts: numpy.ndarray) -> bool:
    """Whether all classes are as frequent as each other, but for chance."""
    share = 1 / len(counts)
    by_chance = len(counts) * math.sqrt(share * (1 - share) / counts.sum()) * math.sqrt(2 / math.pi) / 2
    return bool((counts > 0).all()) and variation(counts, numpy.ones(len(counts))) <= max(EVEN, 1.5 * by_chance)


def _drawn_again(split: Split) -> float:
    ids = split.inputs.ids
    return 1 - len(numpy.unique(ids)) / len(ids) if split.by_index and len(ids) else 0.0


def _counted_once(split: Split, names: list) -> numpy.ndarray | None:
    """Class counts of the sampled rows, a row that is there n times weighing 1/n; None where nothing is there twice."""
    target = split.target()
    order = numpy.argsort(split.inputs.ids)
    if not len(order) or len(target.sample) != len(split.ids):
        return None
    _, inverse, counts = numpy.unique(split.inputs.hashes, return_inverse=True, return_counts=True)
    if counts.max() == 1:
        return None
    place = order[numpy.minimum(numpy.searchsorted(split.inputs.ids[order], split.ids), len(order) - 1)]
    weights = numpy.where(split.inputs.ids[place] == split.ids, 1 / counts[inverse.reshape(-1)[place]], 1.0)
    labels = numpy.asarray(target.sample, object)
    return numpy.array([weights[labels == name].sum() for name in names])


def _counts(field: FieldData, split: Split) -> Counter:
    counts = getattr(field.facts, "counts", None)
    if isinstance(counts, dict) and counts:
        return Counter(counts)
    return Counter()
