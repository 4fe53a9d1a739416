"""The first few samples of a loader, frozen: the same tensors at every step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug import loading
from nbdebug.errors import BatchError
from nbdebug.training_setup import TrainingSetup

MOST_BATCHES = 64  # looked into for the indices of enough samples


def frozen(loader: Iterable[Any], count: int) -> tuple[Any, int]:
    """A batch of the first `count` samples and how many it holds; fewer when the loader has fewer.

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
        batch = loader.collate_fn([loader.dataset[index] for index in chosen])  # type: ignore[attr-defined]
        return _copied(batch), len(chosen)
    size = batches.batch_size(first)
    batch = first if size is not None and size <= count else batches.take(first, list(range(count)))
    return _copied(batch), min(count, size or count)


def has_twins(setup: TrainingSetup, batch: Any, count: int) -> bool:
    """Whether two of the samples look the same to the model, so that their targets may contradict each other."""
    try:
        call = batches.split(batch, setup.model)
        held = batches.tensors((call.args, call.kwargs))
    except BatchError:
        held = batches.tensors(batch)
    rows = [t.detach().reshape(count, -1).cpu() for _, t in held if t.ndim and t.shape[0] == count and t.numel()]
    return any(_all_equal(rows, i, j) for i in range(count) for j in range(i)) if rows else False


def _all_equal(rows: list[Tensor], one: int, other: int) -> bool:
    return all(torch.equal(tensor[one], tensor[other]) for tensor in rows)


def _copied(batch: Any) -> Any:
    return batches.map_tensors(Tensor.clone, batch)
