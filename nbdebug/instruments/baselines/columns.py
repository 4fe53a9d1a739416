"""How the inputs of a batch become rows of numbers, one for each target."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from nbdebug.instruments.baselines.task import Scored, Task

MOST_FEATURES = 1024  # columns of the linear model; wider inputs are shrunk, or projected at random
BUCKETS = 1024  # that tokens are counted in; the ids of a larger vocabulary share them


class NoLinear(Exception):
    """There is no linear model of this, for the reason that it carries."""


@dataclass(frozen=True)
class Columns:
    """How inputs become rows of numbers."""

    how: str  # in words, "on 64 columns"
    way: str  # "flat", "pixels", "positions" or "counts"

    def of(self, scored: Scored) -> Tensor:
        """(R, D), as many rows as there are targets."""
        if self.way == "counts":
            return torch.cat([_counts(ids) for _, ids in scored.inputs if is_tokens(ids)], 1)
        numbers = [t for _, t in scored.inputs if is_numbers(t)]
        if self.way == "pixels":
            return _pixels(numbers[0].float())
        if self.way == "positions":
            return numbers[0].float().reshape(-1, numbers[0][0, 0].numel())
        return torch.cat([_narrowed(t.float()) for t in numbers], 1)


def columns_of(task: Task, scored: Scored) -> Columns:
    """What there is to be said of each target.

    Raises:
        NoLinear: inputs and targets do not go together row by row.
    """
    numbers = [t for _, t in scored.inputs if is_numbers(t)]
    tokens = [t for _, t in scored.inputs if is_tokens(t)]
    targets = scored.targets.numel() if task.kind == "classes" and not scored.targets.is_floating_point() else scored.shape[0]
    dense = task.kind != "own" and len(numbers) == 1 and len(scored.shape) == 4 and numbers[0].ndim == 4 and numbers[0].shape[2:] == scored.shape[2:]
    if dense and (task.kind == "classes" or scored.shape[1] == 1) and scored.shape[2] > 1:
        return Columns("on each pixel and its neighbours", "pixels")
    if numbers and all(len(t) == targets for t in numbers):
        width = sum(t[0].numel() for t in numbers)
        return Columns(f"on {width:,} columns" if width <= MOST_FEATURES else f"on {width:,} columns shrunk to {MOST_FEATURES:,} at most", "flat")
    if len(numbers) == 1 and numbers[0].ndim > 2 and numbers[0].shape[0] * numbers[0].shape[1] == targets:
        return Columns("on the columns of each position", "positions")
    if tokens and not numbers and all(len(t) == targets for t in tokens):
        return Columns("on counts of the tokens", "counts")
    raise NoLinear("the inputs are not one row of numbers (or tokens) for each target")


def is_numbers(tensor: Tensor) -> bool:
    """Measurements, or bytes of an image."""
    return (tensor.is_floating_point() or tensor.dtype == torch.uint8) and tensor.ndim > 0


def is_tokens(tensor: Tensor) -> bool:
    """Numbers that are names."""
    return tensor.dtype in (torch.int64, torch.int32) and tensor.ndim > 0


def _counts(ids: Tensor) -> Tensor:
    """(N, B) how often each token stands in a sequence; square roots, so that long ones do not drown the others."""
    ids = ids.reshape(len(ids), -1).long() % BUCKETS
    return torch.zeros(len(ids), BUCKETS, device=ids.device).scatter_add_(1, ids, torch.ones_like(ids, dtype=torch.float32)).sqrt()


def _pixels(images: Tensor) -> Tensor:
    """(N·H·W, 9·C) every pixel with its neighbours."""
    return F.unfold(images, 3, padding=1).mT.reshape(-1, 9 * images.shape[1])


def _narrowed(values: Tensor) -> Tensor:
    """(N, D) with D at most `MOST_FEATURES`: images by means of patches, anything else by a random projection."""
    flat = values.reshape(len(values), -1)
    if flat.shape[1] <= MOST_FEATURES:
        return flat
    if values.ndim == 4 and values.shape[1] <= 16:
        side = int((MOST_FEATURES / values.shape[1]) ** 0.5)
        return F.adaptive_avg_pool2d(values, (min(side, values.shape[2]), min(side, values.shape[3]))).reshape(len(values), -1)
    generator = torch.Generator().manual_seed(0)
    places = torch.randint(0, MOST_FEATURES, (flat.shape[1],), generator=generator).to(flat.device)
    signs = (torch.randint(0, 2, (flat.shape[1],), generator=generator) * 2.0 - 1.0).to(flat.device)
    return torch.zeros(len(flat), MOST_FEATURES, device=flat.device).index_add_(1, places, flat * signs)
