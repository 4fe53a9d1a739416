"""Whether a loader divides its samples among ranks already. What launches the run divides them too, and a half of a half would be read.

Found by asking: the same loader is read as if this process were rank 0 of two, and as if it were rank 1.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, IterableDataset

from nbdebug.batch import tensors
from nbdebug.instruments.preflight.result import Shared
from nbdebug.seeding import seed_torch

INDICES = 2048  # of a sampler that are compared
SAMPLES = 16  # of an iterable dataset, which reads them
DEEPEST = 3  # attributes of attributes that are looked into
PLAIN = (str, bytes, int, float, complex, bool, type(None), torch.Tensor, np.ndarray, torch.Generator)


def shared(loader: Any) -> tuple[tuple[Shared, ...], str]:
    """What divides, and why that is not known."""
    if not isinstance(loader, DataLoader) or type(loader).__iter__ is not DataLoader.__iter__:
        return (), ""
    if isinstance(loader.dataset, IterableDataset):
        return _asked("train_loader.dataset", loader.dataset, SAMPLES)
    name, sampler = _in_force(loader)
    if isinstance(sampler, DistributedSampler):  # of torch's own way: what launches the run takes the order below it
        return (), ""
    if (held := _held(sampler)) is not None and held.num_replicas > 1:
        return (Shared(name, type(sampler).__name__, f"holds a DistributedSampler for rank {held.rank} of {held.num_replicas}"),), ""
    return _asked(name, sampler, INDICES) if not _is_torchs(sampler) else ((), "")


def _in_force(loader: DataLoader[Any]) -> tuple[str, Any]:
    if loader.batch_sampler is not None and type(loader.batch_sampler) is not BatchSampler:
        return "train_loader.batch_sampler", loader.batch_sampler
    if loader.batch_sampler is not None:
        return "train_loader.sampler", loader.batch_sampler.sampler
    return "train_loader.sampler", loader.sampler


def _is_torchs(sampler: Any) -> bool:
    return type(sampler).__module__.startswith("torch.")


def _held(thing: Any, depth: int = 0) -> DistributedSampler[Any] | None:
    """A DistributedSampler somewhere in its attributes."""
    if isinstance(thing, DistributedSampler):
        return thing
    if depth == DEEPEST or isinstance(thing, PLAIN):
        return None
    inside = thing if isinstance(thing, (list, tuple)) else list(getattr(thing, "__dict__", {}).values())
    return next((found for item in inside[:32] if (found := _held(item, depth + 1)) is not None), None)


def _asked(name: str, source: Iterable[Any], count: int) -> tuple[tuple[Shared, ...], str]:
    try:
        first, again, other = (_read(source, rank, count) for rank in (0, 0, 1))
    except Exception as error:
        return (), f"{name} could not be read as if by two ranks: {type(error).__name__}"
    if first != again:
        return (), f"{name} gives something else each time it is read"
    return ((Shared(name, type(source).__name__, "gives rank 1 other samples than rank 0"),), "") if first != other else ((), "")


def _read(source: Iterable[Any], rank: int, count: int) -> list[Any]:
    with _pretended(rank):
        return [_bits(item) for item in islice(iter(source), count)]


@contextlib.contextmanager
def _pretended(rank: int) -> Iterator[None]:
    """This process as one of two ranks, with the same random numbers each time. The frame around an instrument puts those back."""
    random.seed(0)
    np.random.seed(0)
    seed_torch(0)
    said = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    told = {"is_initialized": lambda: True, "get_rank": lambda *_, **__: rank, "get_world_size": lambda *_, **__: 2}
    with mock.patch.dict(os.environ, said), mock.patch.multiple(dist, **told):
        yield


def _bits(item: Any) -> Any:
    held = [(path, tuple(t.shape), t.detach().reshape(-1).tolist()) for path, t in tensors(item)]
    if held or isinstance(item, Tensor):
        return repr(held)
    return repr(item)
