"""Are whole-number targets grades or names? Names can be given in any order, grades follow the inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nbdebug import loading
from nbdebug.batch import batch_size, tensors

BATCHES = 8  # read for it
FEWEST = 5  # samples of a class, for its mean to say something
ORDERS = 300  # other orders of the same classes that are tried
CLEAR = 0.8  # share of the pairs of classes whose mean inputs lie further apart than their noise, for names; our choice
MOST_WORDS = 5000  # of a vocabulary whose presence is counted
RARE = 0.1  # share of them that may fit as well; precision first: one in ten sets of names passes for grades


def order_of(loader: Any) -> str:
    """"grades" where classes that lie close in number lie close in their mean inputs, as no accidental order of names does; "names" where the classes
    lie well apart, and in no order; "" where it cannot be told."""
    inputs, labels = _gathered(loader)
    if inputs is None or labels is None:
        return ""
    classes = [int(c) for c in labels.unique() if int((labels == c).sum()) >= FEWEST]
    if len(classes) < 3:
        return ""
    means = torch.stack([inputs[labels == c].mean(0) for c in classes])  # (C, D)
    noise = torch.stack([inputs[labels == c].var(0).sum() / (labels == c).sum() for c in classes])  # of each mean
    apart = torch.cdist(means, means).square() - noise[:, None] - noise[None, :]
    numbers = torch.tensor(classes, dtype=apart.dtype)
    fit = _agreement(apart, numbers)
    generator = torch.Generator().manual_seed(0)
    others = [numbers[torch.randperm(len(numbers), generator=generator)] for _ in range(ORDERS)]
    at_least = [other for other in others if not _same_order(other, numbers) and _agreement(apart, other) >= fit]
    if fit > 0 and len(at_least) <= RARE * ORDERS:
        return "grades"
    pairs = torch.triu_indices(len(classes), len(classes), 1)
    clear = (apart > noise[:, None] + noise[None, :])[pairs[0], pairs[1]]
    return "names" if float(clear.double().mean()) >= CLEAR else ""


def _agreement(apart: Tensor, numbers: Tensor) -> float:
    """Correlation, over the pairs of classes, of the distance in number and the distance of the mean inputs."""
    pairs = torch.triu_indices(len(numbers), len(numbers), 1)
    squares = (numbers[pairs[0]] - numbers[pairs[1]]).square()
    return float(torch.corrcoef(torch.stack([apart[pairs[0], pairs[1]], squares]))[0, 1])


def _same_order(other: Tensor, numbers: Tensor) -> bool:
    return torch.equal(other, numbers) or torch.equal(other, numbers.flip(0))


def _gathered(loader: Any) -> tuple[Tensor | None, Tensor | None]:
    """The first floating tensor (or which ids the first tensor of integers holds) and the last tensor of a few batches, as (N, D) and (N,)."""
    rows, labels = [], []
    for delivered in loading.read(loader):
        held = [t for _, t in tensors(delivered.batch)]
        size = batch_size(delivered.batch)
        first = next((t for t in held[:-1] if t.is_floating_point()), None)
        first = _words(held[0], size) if first is None and held else first
        if first is None or size is None or held[-1].numel() != size or delivered.number >= BATCHES:
            break
        rows.append(first.detach().reshape(size, -1).cpu().double())
        labels.append(held[-1].detach().reshape(-1).cpu())
    if not rows or any(row.shape[1] != rows[0].shape[1] for row in rows):
        return None, None
    return torch.cat(rows), torch.cat(labels)


def _words(ids: Tensor, size: int | None) -> Tensor | None:
    """Which ids stand in each row, as zeros and ones."""
    if ids.is_floating_point() or ids.is_complex() or ids.ndim != 2 or ids.shape[0] != size or not ids.numel() or int(ids.min()) < 0 or int(ids.max()) >= MOST_WORDS:
        return None
    return torch.zeros(len(ids), MOST_WORDS).scatter_(1, ids.detach().cpu().long(), 1.0)
