"""Masks that belong to other pictures: a mask follows the edges of its own picture, and of no other. Which order of the masks fits the pictures best?

Labels that many pixels share are no class and no quantity that neighbours could tell; but a mask and its picture can be laid upon each other.
"""

from __future__ import annotations

from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug.data.classes.places import Places, spread
from nbdebug.data.classes.probe import Agreement
from nbdebug.data.classes.reordered import Reordered, orders_of
from nbdebug.data.split import Split

SIDE = 16  # cells a side
FEWEST, MOST = 40, 400  # pictures
LEARNER = "pixels"
PERMUTED = 20


def pictured(split: Split, name: str, found: Places, other: Split | None) -> Reordered | None:
    """The order in which masks fit their pictures best; None where they are no such pair, or there is no other order to try.

    Args:
        name: of the target.
        other: the split that may be the rest of the same rows.
    """
    image = next((f for f in split.fields if f.role == "input" and f.kind == "image" and isinstance(f.sample, numpy.ndarray) and f.sample.ndim == 4), None)
    target = split.named(name)
    if image is None or target is None or target.kind not in ("mask", "image") or len(found.rows) < FEWEST:
        return None
    chosen = spread(numpy.arange(len(found.rows)), MOST)
    rows, index = found.rows[chosen], found.index[chosen]
    pictures, masks = _cells(image.sample[rows].transpose(0, 3, 1, 2)), _masks(target.sample, rows)
    if masks is None:
        return None
    fits = torch.stack([(pictures[:, channel] @ masks.T).abs() for channel in range(pictures.shape[1])]).amax(0)  # (n, n): picture, mask
    own = torch.arange(len(rows))
    at_zero = _agreement(fits, own, own)
    where = f"{split.name_of(int(index[0]))} to {int(index[-1])}"
    tried = []
    for how, times, place in orders_of(split, other):
        if index[-1] >= len(place):
            continue
        wanted = place[index]
        at = numpy.minimum(numpy.searchsorted(index, wanted), len(index) - 1)
        base = numpy.flatnonzero((index[at] == wanted) & (wanted != index))
        if len(base) >= FEWEST:
            there = _agreement(fits, torch.from_numpy(base), torch.from_numpy(at[base]))
            tried.append(Reordered(split.name, how, times, there, at_zero, len(base), where))
    return max(tried, key=lambda one: one.there.z, default=None)


def _masks(sample: Any, rows: numpy.ndarray) -> Tensor | None:
    """(n, cells) of the masks, each of mean 0 and length 1."""
    chosen = [numpy.asarray(sample[int(row)], numpy.float32) for row in rows]
    if len({mask.shape for mask in chosen}) != 1 or chosen[0].ndim < 2:
        return None
    stacked = numpy.stack(chosen)
    if stacked.ndim == 4 and stacked.shape[-1] <= 4:  # (n, H, W, C), as pictures are kept
        stacked = stacked.transpose(0, 3, 1, 2)
    flat = stacked.reshape(len(stacked), -1, *stacked.shape[-2:]).mean(1, keepdims=True)
    return _cells((flat > 0).astype(numpy.float32) if len(numpy.unique(flat[:5])) <= 32 else flat)[:, 0]


def _cells(pictures: numpy.ndarray) -> Tensor:
    """(n, C, cells), each of mean 0 and length 1."""
    cells = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(pictures.astype(numpy.float32)), SIDE).flatten(2)
    cells = cells.nan_to_num(0.0, 0.0, 0.0) - cells.nan_to_num(0.0, 0.0, 0.0).mean(2, keepdim=True)
    return cells / cells.norm(dim=2, keepdim=True).clamp(min=1e-9)


def _agreement(fits: Tensor, pictures: Tensor, masks: Tensor) -> Agreement:
    """By how much these fit better than the same ones drawn at random, and that in the deviations of such draws."""
    random = torch.Generator().manual_seed(0)
    drawn = torch.stack([fits[pictures, masks[torch.randperm(len(masks), generator=random)]].mean() for _ in range(PERMUTED)])
    more = float(fits[pictures, masks].mean() - drawn.mean())
    return Agreement(more, more / max(float(drawn.std()), 1e-9), LEARNER)
