"""What can be looked at: a loader, a dataset, a frame, arrays, a folder, annotations. And how its batches are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from nbdebug.data.sources.table import Table, is_table
from nbdebug.errors import SetupError
from nbdebug.loading import rewinds

BATCH = 64  # samples, of a dataset that comes without a loader


@dataclass(frozen=True)
class Source:
    """Something that gives batches, and what is known of it before any was read."""

    name: str  # how findings call it
    loader: Iterable[Any]  # for `loading.read`
    about: str
    kind: str | None = None  # of its inputs, told by the user
    targets: tuple[str, ...] = ()  # names of the fields that are targets, told by the user
    total: int | None = None  # samples
    rewinds: bool = True
    dataset: Any = None  # the map-style dataset under the loader
    fetch: Callable[[int], Any] | None = None  # a sample by its dataset index


def as_source(data: Any, name: str = "data", *, kind: str | None = None, target: str | tuple[str, ...] | None = None) -> Source:
    """A source of whatever a user has.

    Args:
        data: a DataLoader or any iterable of batches; a dataset; a pandas or Arrow table; arrays or tensors, alone or as (inputs,
            targets); the path of a folder of images, of a table or of a COCO file.
        kind: one of `split.KINDS`, for the inputs.
        target: name of the column or field that is to be predicted.

    Raises:
        SetupError: it is nothing that gives samples; says what would be.
    """
    targets = (target,) if isinstance(target, str) else tuple(target or ())
    loader = _loader(data, name, targets)
    dataset = loader.dataset if isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset) else None
    fetch = dataset.__getitem__ if dataset is not None else getattr(loader, "fetch", None)
    return Source(name, loader, _about(data, loader), kind, targets, _length(loader), rewinds(loader), dataset, fetch)


def _loader(data: Any, name: str, targets: tuple[str, ...]) -> Iterable[Any]:
    if is_table(data):
        return Table(data, targets)
    if isinstance(data, Tensor | numpy.ndarray):
        return DataLoader(TensorDataset(torch.as_tensor(data)), batch_size=BATCH)
    if isinstance(data, Dataset):
        return DataLoader(data, batch_size=BATCH)
    if hasattr(data, "__iter__") or hasattr(data, "__getitem__"):
        return data
    raise SetupError(f"{name} is a {type(data).__name__}, which gives no samples: pass a DataLoader, a dataset, a frame, arrays or a path")


def _length(loader: Any) -> int | None:
    if isinstance(loader, DataLoader):
        return len(loader.dataset) if isinstance(loader.dataset, Sized) else None
    return getattr(loader, "rows", None)


def _about(data: Any, loader: Any) -> str:
    if isinstance(data, DataLoader):
        return f"DataLoader of {type(data.dataset).__name__}"
    return getattr(loader, "about", "") or type(data).__name__
