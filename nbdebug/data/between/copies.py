"""Samples of val that are in train, to the last bit; and those that train holds more than once."""

from __future__ import annotations

import math

import numpy
import torch
from torch import Tensor

from nbdebug.batch import tensors
from nbdebug.data.between.chance import DISTINCT, agree_only_together, by_chance, fall_with_information
from nbdebug.data.between.found import PAIRS, Overlap, Pair, Repeats
from nbdebug.data.between.images import constant_ids
from nbdebug.data.gathering.hashing import among
from nbdebug.data.split import Prints, Split

ALL = 2**64  # the bound of prints that hold every sample
SURELY = 1e-6  # probability below which a count is more than chance
OTHERWISE = 0.02  # of the repeated samples with another label, up to which they are copies; our choice
FEW = 3.0  # samples that may be expected where none was seen, in 19 cases of 20


def copies(train: Split, val: Split, repeats: Repeats | None) -> Overlap | None:
    """The overlap, or None where there is none. Empty images are the same everywhere, and no copies."""
    if _parted_within(train, val):
        return None
    bound = min(train.inputs.bound, val.inputs.bound)
    theirs, ours = _kept(train, bound), _kept(val, bound)
    if not len(ours.hashes) or not len(theirs.hashes):
        return None
    order = numpy.argsort(theirs.hashes, kind="stable")
    sorted_hashes = theirs.hashes[order]
    place = numpy.minimum(numpy.searchsorted(sorted_hashes, ours.hashes), len(order) - 1)
    inside = sorted_hashes[place] == ours.hashes
    inside &= ~_empty(val, ours, inside)
    if not inside.any():
        return None
    count, compared = int(inside.sum()), len(ours.hashes)
    share = _by_itself(train, repeats)
    rows = numpy.flatnonzero(inside)[:PAIRS]
    pairs = tuple(Pair(int(theirs.ids[order[place[row]]]), int(ours.ids[row]), 1.0) for row in rows)
    return Overlap(
        "exact", count, compared, val.samples, share * compared, beyond(count, compared, share), bound < ALL,
        _other_label(train, val, inside, bound), pairs, "the same values",
    )  # fmt: skip


def _parted_within(train: Split, val: Split) -> bool:
    """Whether each gives all samples at once, and its batch tells which of them are its own: the nodes of one graph, by a mask or their places."""
    if train.batches != 1 or val.batches != 1 or train.samples != val.samples:
        return False
    theirs, ours = ([set(chosen) for _, t in tensors(split.first) if (chosen := _chosen(t, split.samples))] for split in (train, val))
    return any(not one & other for one in theirs for other in ours)


def _chosen(tensor: Tensor, count: int) -> list[int]:
    """The rows of `count` that a mask or a list of places picks; none where it is neither."""
    if tensor.ndim != 1 or tensor.is_floating_point() or tensor.is_complex():
        return []
    if tensor.dtype == torch.bool:
        return tensor.nonzero().flatten().tolist() if len(tensor) == count else []
    places = tensor.tolist() if len(tensor) < count else []
    return places if len(set(places)) == len(places) and all(0 <= place < count for place in places) else []


def repeated(split: Split) -> Repeats | None:
    """What a split holds more than once; None where all samples differ."""
    kept = _kept(split, split.inputs.bound)
    _, inverse, counts = numpy.unique(kept.hashes, return_inverse=True, return_counts=True)
    twice = counts[inverse] > 1
    twice &= ~_empty(split, kept, twice)
    if not twice.any():
        return None
    other = None
    if aligned(split) and len(kept.hashes) == len(split.pairs.hashes):
        _, first = numpy.unique(split.pairs.hashes, return_index=True)
        labels = numpy.bincount(inverse[first], minlength=len(counts))  # a pair's hash holds its inputs', so it is of one group
        other = int((labels[inverse] > 1)[twice].sum())
    ids = tuple(int(i) for i in kept.ids[numpy.flatnonzero(twice)[:PAIRS]])
    distinct = len(counts) / len(kept.hashes)
    coincidence = by_chance(split, distinct) and not _is_steady(split, kept, twice, distinct) and not _is_all_or_nothing(split, kept, twice, distinct, other)
    return Repeats(int(twice.sum()), len(kept.hashes), other, coincidence, ids, not coincidence or not by_chance(split, distinct, once=True))


def _is_steady(split: Split, prints: Prints, twice: numpy.ndarray, distinct: float) -> bool:
    """Whether samples that say much repeat as often as those that say little, and are rich enough: no chance does that."""
    field = split.input()
    if field is None or distinct < DISTINCT or by_chance(split, distinct, once=True):
        return False
    return fall_with_information(field, among(split.ids, prints.ids[twice])) is False


def _is_all_or_nothing(split: Split, prints: Prints, twice: numpy.ndarray, distinct: float, other: int | None) -> bool:
    """Whether a column agrees in rows that agree altogether, and hardly ever in others: by chance it would do so far more often alone."""
    if distinct < DISTINCT or (other or 0) > OTHERWISE * twice.sum():
        return False
    whole = among(split.ids, prints.ids[twice])
    return any(agree_only_together(field, whole) for field in split.fields if field.role == "input" and field.kind == "tabular")


def beyond(count: int, compared: int, share: float) -> bool:
    """Whether so many of `compared` are more than a share of them gives by chance; its own error is allowed for."""
    if not count:
        return False
    if share <= 0 or share >= 1:
        return share <= 0
    # normal tail of a binomial count; twice the variance, since the share was itself measured on samples
    spread = math.sqrt(2 * compared * share * (1 - share) + 1)
    return 0.5 * math.erfc((count - 0.5 - compared * share) / spread / math.sqrt(2)) < SURELY


def aligned(split: Split) -> bool:
    """Whether the prints of inputs and of pairs speak of the same samples in the same order."""
    whole = all(prints.bound >= ALL and not prints.left_out for prints in (split.inputs, split.pairs))
    return whole and numpy.array_equal(split.inputs.ids, split.pairs.ids)


def _kept(split: Split, bound: int) -> Prints:
    """The prints below a bound; of a sample that a sampler drew again, the first."""
    prints = split.inputs
    below = numpy.ones(len(prints.hashes), bool) if bound >= ALL else prints.hashes < numpy.uint64(bound)
    hashes, ids = prints.hashes[below], prints.ids[below]
    if split.by_index and len(ids):
        _, first = numpy.unique(ids, return_index=True)
        if len(first) < len(ids):
            first.sort()
            hashes, ids = hashes[first], ids[first]
    return Prints(hashes, ids, bound)


def _by_itself(train: Split, repeats: Repeats | None) -> float:
    """Share of samples that find a copy in train by chance, judged by train's own; 0 for data that does not repeat by chance."""
    if repeats is not None:
        return (repeats.count + FEW) / repeats.compared if repeats.coincidence else 0.0
    return FEW / max(FEW, train.samples) if by_chance(train, 1.0) else 0.0


def _empty(split: Split, prints: Prints, inside: numpy.ndarray) -> numpy.ndarray:
    """Which of these samples are an image of one value."""
    return among(prints.hashes, prints.hashes[inside & among(prints.ids, constant_ids(split))])


def _other_label(train: Split, val: Split, inside: numpy.ndarray, bound: int) -> int | None:
    if not (aligned(train) and aligned(val)) or len(inside) != len(val.pairs.hashes) or bound < ALL or val.target() is None:
        return None
    return int((inside & ~among(val.pairs.hashes, train.pairs.hashes)).sum())
