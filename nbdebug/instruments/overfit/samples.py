"""The first few samples of a loader, frozen: the same tensors at every step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug import loading
from nbdebug.errors import BatchError
from nbdebug.training_setup import TrainingSetup

MOST_BATCHES = 64  # looked into for the indices of enough samples
ASKED_AGAIN = 2  # samples that the dataset is asked for once more, to see whether it gives the same


@dataclass(frozen=True)
class Frozen:
    """A few samples that stay as they are, whatever the dataset does."""

    batch: Any
    count: int
    redrawn: bool | None  # whether the dataset gives other tensors for the same indices; None when it cannot be asked


def frozen(loader: Iterable[Any], count: int) -> Frozen:
    """A batch of the first `count` samples; fewer when the loader has fewer.

    Collated anew where the dataset can be asked, which is right for every layout; else cut from the first batch.

    Raises:
        BatchError: the samples of the batch cannot be told apart.
    """
    first, indices = None, []
    for delivered in loading.read(loader):
        first = delivered.batch if first is None else first
        if delivered.indices is None or len(indices) >= count or delivered.number >= MOST_BATCHES:
            break
        indices += delivered.indices
    if len(indices) >= count or (indices and batches.batch_size(first) is None):
        chosen = indices[:count]
        samples = [loader.dataset[index] for index in chosen]  # type: ignore[attr-defined]
        again = any(_differ(sample, loader.dataset[i]) for i, sample in zip(chosen[:ASKED_AGAIN], samples, strict=False))  # type: ignore[attr-defined]
        return Frozen(batches.own_copy(loader.collate_fn(samples)), len(chosen), again)  # type: ignore[attr-defined]
    size = batches.batch_size(first)
    batch = first if size is not None and size <= count else batches.take(first, list(range(count)))
    return Frozen(batches.own_copy(batch), min(count, size or count), None)


def twins(setup: TrainingSetup, batch: Any, count: int) -> Tensor | None:
    """For each sample the number of its input, where some look the same to the model (their targets may contradict each other), (count,).

    None where all inputs differ, or they cannot be told apart.
    """
    try:
        call = batches.split(batch, setup.model)
        held = list(batches.tensors((call.args, call.kwargs)))
    except BatchError:
        held = list(batches.tensors(batch))
    rows = [t.detach().reshape(count, -1).cpu() for _, t in held if t.ndim and t.shape[0] == count and t.numel()]
    if not rows:
        return None
    numbers = []
    for sample in range(count):
        numbers.append(next((numbers[i] for i in range(sample) if _all_equal(rows, sample, i)), sample))
    return None if len(set(numbers)) == count else torch.tensor(numbers).unique(return_inverse=True)[1]


def _all_equal(rows: list[Tensor], one: int, other: int) -> bool:
    return all(torch.equal(tensor[one], tensor[other]) for tensor in rows)


def _differ(one: Any, other: Any) -> bool:
    """Whether two samples hold other numbers; samples without tensors are not compared."""
    pairs = zip(batches.tensors(one), batches.tensors(other), strict=False)
    with contextlib.suppress(RuntimeError):
        return any(a.shape != b.shape or not torch.equal(a, b) for (_, a), (_, b) in pairs)
    return False
