"""Subsets of one dataset that hold the same indices: seen also where augmentation hides it from every comparison of values."""

from __future__ import annotations

from typing import Any

import numpy
import torch
from torch.utils.data import Subset

from nbdebug.data.between.found import PAIRS, Overlap, Pair
from nbdebug.data.between.vectors import evenly
from nbdebug.data.context import Context
from nbdebug.data.gathering.hashing import among, different
from nbdebug.data.split import Split

TRIED = 24  # indices whose samples are fetched
ODD = 2  # of 24 that may be more like another sample than like themselves; of random content so few are in 2 of 100,000 cases
DRAWS = 6  # of an augmented sample, the nearest of which counts: half of them may be mirrored
NEEDED = 1.0  # seconds that must be left for that
NEST = 8  # subsets of subsets


def same_items(train: Split, val: Split, context: Context) -> Overlap | None:
    """The indices that both splits draw from one dataset, or from two of the same files."""
    if not (train.by_index and val.by_index) or train.dataset is None or val.dataset is None:
        return None
    theirs, base = _indices(train)
    ours, other = _indices(val)
    if theirs is None or ours is None or not _same_content(base, other):
        return None
    shared = among(ours, theirs)
    if not shared.any() or not _alike(base, other, ours, context):
        return None
    first = {int(index): int(i) for index, i in zip(theirs[::-1], _ids(train)[::-1], strict=True)}
    own = _ids(val)
    pairs = tuple(Pair(first[int(ours[row])], int(own[row]), 1.0) for row in numpy.flatnonzero(shared)[:PAIRS])
    same = "dataset" if train.dataset is val.dataset and bool(shared.all()) else ""
    return Overlap("index", int(shared.sum()), len(ours), val.samples, 0.0, True, False, None, pairs, "the same index", same)


def _ids(split: Split) -> numpy.ndarray:
    return different(split.inputs.ids if len(split.inputs.ids) else split.ids)


def _indices(split: Split) -> tuple[numpy.ndarray | None, Any]:
    """The indices into the dataset at the bottom, and it."""
    indices, dataset = _ids(split), split.dataset
    for _ in range(NEST):
        if not isinstance(dataset, Subset):
            break
        known = numpy.asarray(dataset.indices)
        if known.dtype.kind not in "iu" or not len(indices) or indices.max() >= len(known) or indices.min() < 0:
            return None, dataset
        indices, dataset = known[indices].astype(numpy.int64), dataset.dataset
    return indices, dataset


def _same_content(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    for name in ("samples", "imgs", "paths", "files", "image_paths"):  # lists of files, as torchvision and most people call them
        ours, theirs = getattr(a, name, None), getattr(b, name, None)
        if isinstance(ours, (list, tuple)) and len(ours) and isinstance(ours[0], (str, tuple)):
            return isinstance(theirs, (list, tuple)) and list(ours) == list(theirs)
    for name in ("tensors", "data"):
        ours, theirs = getattr(a, name, None), getattr(b, name, None)
        if ours is not None and theirs is not None:
            return _same_memory(ours, theirs)
    return False


def _same_memory(a: Any, b: Any) -> bool:
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) > 0 and all(_same_memory(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and (a.data_ptr() == b.data_ptr() or torch.equal(a, b))
    if isinstance(a, numpy.ndarray) and isinstance(b, numpy.ndarray):
        return a.shape == b.shape and bool(a is b or numpy.array_equal(a, b))
    return False


def _alike(base: Any, other: Any, indices: numpy.ndarray, context: Context) -> bool:
    """Whether an index means a sample: a dataset that draws at random, whatever index it is asked for, shares none.

    Of the same index of both the values are the same, or, where train is augmented, nearer than those of another index.
    """
    indices = different(indices)
    tried = indices[evenly(len(indices), TRIED)].tolist()
    ours = [_numbers(other, index) for index in tried]
    theirs = [_numbers(base, index) for index in tried]
    if any(one is None for one in [*ours, *theirs]) or len({one.shape for one in [*ours, *theirs]}) > 1:
        return False
    if all(numpy.array_equal(a, b, equal_nan=True) for a, b in zip(ours, theirs, strict=True)):
        return len(tried) == 1 or not all(numpy.array_equal(ours[0], one, equal_nan=True) for one in ours[1:])
    if len(tried) < TRIED or context.left < NEEDED:
        return False
    draws = [[one, *(_numbers(base, index) for _ in range(DRAWS - 1))] for index, one in zip(tried, theirs, strict=True)]
    odd = sum(_nearest(one, draws[i]) >= _nearest(one, draws[i - 1]) for i, one in enumerate(ours))
    return odd <= ODD


def _nearest(one: numpy.ndarray, others: list[numpy.ndarray | None]) -> float:
    known = [other for other in others if other is not None and other.shape == one.shape]
    return min((float(numpy.square(numpy.nan_to_num(one - other)).sum()) for other in known), default=numpy.inf)


def _numbers(dataset: Any, index: int) -> numpy.ndarray | None:
    try:
        item = dataset[index]
    except Exception:  # an item that cannot be had proves nothing
        return None
    while isinstance(item, (tuple, list)) and len(item):
        item = item[0]
    if isinstance(item, dict):
        item = next((value for value in item.values() if isinstance(value, (torch.Tensor, numpy.ndarray))), None)
    if isinstance(item, torch.Tensor):
        item = item.detach().cpu().float().numpy()
    try:
        return numpy.asarray(item, dtype=numpy.float64)
    except (TypeError, ValueError):
        return None
