"""Which loader can be asked for its samples again, and by which indices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from nbdebug.source_lines import is_users


def why_not(loader: Any) -> str:
    if not isinstance(loader, DataLoader):
        return f"it is a {type(loader).__name__} of batches, and no DataLoader: there is no sample to ask again"
    if isinstance(loader.dataset, IterableDataset):
        return "its dataset is iterable: there is no sample to ask again"
    if type(loader.dataset) is TensorDataset and own_collate(loader) is None:
        return "a TensorDataset has no transforms and nothing random"
    return ""


def own_collate(loader: Any) -> Callable[[list[Any]], Any] | None:
    """What puts samples together, where that is the user's own; libraries' only stack and pad."""
    collate = getattr(loader, "collate_fn", None)
    if not callable(collate) or getattr(loader, "batch_sampler", None) is None:
        return None
    inner = getattr(collate, "func", collate)  # of a partial
    code = getattr(inner, "__code__", None) or getattr(vars(type(inner)).get("__call__"), "__code__", None)
    return collate if code is not None and is_users(code) else None


def indices_of(loader: DataLoader, samples: int) -> list[Any]:
    plain = type(loader.sampler).__module__.startswith("torch.utils.data") if loader.sampler is not None else False
    if plain and hasattr(loader.dataset, "__len__") and loader.batch_sampler is not None and _is_plain_batching(loader):
        size = len(loader.dataset)
        chosen = sorted({round(place) for place in numpy.linspace(0, size - 1, min(samples, size))}) if size else []
        inner = getattr(loader.sampler, "indices", None)  # of a SubsetRandomSampler: the rest is not asked for
        return chosen if inner is None else [inner[i] for i in range(min(samples, len(inner)))]
    if loader.batch_sampler is None:
        return list(islice(iter(loader.sampler), samples))
    return [index for batch in islice(iter(loader.batch_sampler), samples) for index in batch][:samples]


def _is_plain_batching(loader: DataLoader) -> bool:
    return type(loader.batch_sampler).__module__.startswith("torch.utils.data")
