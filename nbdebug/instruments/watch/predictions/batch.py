"""The fixed batch: a few samples of a loader, or of what the user gives, copied."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.utils.data import DataLoader, SequentialSampler

from nbdebug import batch as batches
from nbdebug.errors import BatchError, SetupError
from nbdebug.loading import first_batch, rewinds

SAMPLES = 64  # at most


def fixed_batch(given: Any) -> tuple[Any, str]:
    """The samples, and where they come from in words. The random state is as it was afterwards.

    Raises:
        SetupError: there are no tensors in it, or it can be read only once.
        StepError: the dataset or the collate function raised.
    """
    if isinstance(given, Iterator):
        raise SetupError(f"predictions= is a {type(given).__name__}, which can be read only once: pass a loader, or a batch")
    if not _is_loader(given):
        batch, said = given, "the batch given"
    elif (spread := _spread(given)) is not None:
        batch, said = spread, "samples from all of the loader"
    else:
        with _random_states_kept():
            batch, said = first_batch(given, "predictions"), "the first batch of the loader"
    if next(batches.tensors(batch), None) is None:
        raise SetupError(f"predictions= holds no tensors, got {batches.describe(batch)}: pass a loader, or a batch as the loader gives it")
    return _few(batch), said


def _is_loader(given: Any) -> bool:
    """A list of batches is one, too; a batch is a tensor, a tuple, a mapping, or a list of tensors."""
    if isinstance(given, DataLoader):
        return True
    if isinstance(given, (Tensor, tuple, dict)) or hasattr(given, "keys"):
        return False
    if isinstance(given, list):
        return bool(given) and not isinstance(given[0], Tensor)
    return hasattr(given, "__iter__")


def _spread(loader: Any) -> Any | None:
    """Of a loader that reads in order, samples from all of its dataset: they may be sorted by class."""
    plain = isinstance(loader, DataLoader) and type(loader).__iter__ is DataLoader.__iter__ and rewinds(loader)
    if not plain or loader.batch_size is None or not isinstance(loader.sampler, SequentialSampler) or not len(loader.dataset):
        return None
    places = torch.linspace(0, len(loader.dataset) - 1, min(SAMPLES, len(loader.dataset))).round().long().tolist()
    with _random_states_kept():
        return loader.collate_fn([loader.dataset[place] for place in places])


@contextlib.contextmanager
def _random_states_kept() -> Iterator[None]:
    states = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        numpy.random.set_state(states[1])
        torch.set_rng_state(states[2])


def _few(batch: Any) -> Any:
    """At most so many samples, copied: the user may write to his."""
    size = batches.batch_size(batch)
    if size is not None and size > SAMPLES:
        with contextlib.suppress(BatchError):  # whole, then
            batch = batches.take(batch, torch.linspace(0, size - 1, SAMPLES).round().long().tolist())
    return batches.map_tensors(lambda tensor: tensor.detach().clone(), batch)
