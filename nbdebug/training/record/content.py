"""A few samples of the data as digests: enough to say later whether this is the same data, cheap enough for every start.

The samples are the same ones in every process: drawn by the number of samples alone, in one order, so that who read fewer read a part of what
the other read.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import pickle
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

TOLD_AT = (1, 4, 16, 64)  # samples, after which a digest is told
SECONDS = 0.2  # that reading them may take; our choice: below what is felt at a launch
SEED = 0x5EED  # of what a dataset draws when it is read for this


def content(loader: Any) -> dict[str, Any]:
    """Which data this is: its kind, how many samples, and digests of the first 1, 4, 16 and 64 of those that are looked at.

    Without digests where nothing can be read twice alike: a stream, a generator, a dataset that draws from a generator of its own.
    """
    dataset = loader.dataset if isinstance(loader, DataLoader) else loader
    return {"kind": type(dataset).__qualname__, "samples": length(dataset), "content": _digests(dataset)}


def same_content(one: Any, other: Any) -> bool:
    """Whether two of these may be of the same data, as far as both looked."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return one == other
    if (one.get("kind"), one.get("samples")) != (other.get("kind"), other.get("samples")):
        return False
    return all(a == b for a, b in zip(one.get("content") or (), other.get("content") or (), strict=False))


def length(dataset: Any) -> int | None:
    """How many samples there are, as far as it says so."""
    try:
        return len(dataset)
    except (TypeError, NotImplementedError, AttributeError):
        return None


def looked_at(count: int, most: int) -> list[int]:
    """The places of the samples that are looked at, `most` of them at most; those of a smaller `most` come first."""
    return random.Random(count).sample(range(count), min(count, most))


def borrowed(dataset: Any) -> Any:
    """The same dataset, such that a file which it opens when it is first read is not held open by the user's own."""
    with contextlib.suppress(Exception):
        return copy.copy(dataset)
    return dataset


def is_indexed(dataset: Any) -> bool:
    """Whether sample number i can be had, as often as one likes."""
    return not isinstance(dataset, (IterableDataset, Mapping)) and hasattr(dataset, "__getitem__") and bool(length(dataset))


@contextlib.contextmanager
def drawn_alike() -> Iterator[None]:
    """Random numbers from one seed, and afterwards those that would have come."""
    python, numpy, torchs = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(SEED)
    np.random.seed(SEED)
    torch.default_generator.manual_seed(SEED)  # not torch.manual_seed, which would reach the GPU too
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(torchs)


def seconds_each(dataset: Any) -> float:
    """What reading one sample takes, when it is not the very first."""
    place, taken = looked_at(len(dataset), 1)[0], []
    while len(taken) < 3 and sum(taken) < SECONDS / 4:
        began = time.perf_counter()
        with drawn_alike():
            dataset[place]
        taken.append(time.perf_counter() - began)
    return min(taken)


def _digests(dataset: Any) -> list[str]:
    if not is_indexed(dataset):
        return []
    try:
        return _read(borrowed(dataset))
    except Exception:  # a sample that cannot be read is for the training to say
        return []


def _read(dataset: Any) -> list[str]:
    places, until, hashed, told = looked_at(len(dataset), TOLD_AT[-1]), time.perf_counter() + SECONDS, hashlib.sha256(), []
    first = _of(dataset, places[0])
    if time.perf_counter() > until or first != _of(dataset, places[0]):
        return []
    for done, place in enumerate(places, 1):
        hashed.update(_of(dataset, place))
        if done in TOLD_AT:
            told.append(hashed.hexdigest()[:16])
        if time.perf_counter() > until:
            break
    return told


def _of(dataset: Any, place: int) -> bytes:
    with drawn_alike():
        sample = dataset[place]
    hashed = hashlib.sha256()
    _add(hashed, sample)
    return hashed.digest()


def _add(hashed: Any, value: Any) -> None:
    """Everything in a sample, in its order."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = (value.to_dense() if value.layout != torch.strided else value).contiguous()
        hashed.update(f"{value.dtype} {tuple(value.shape)}".encode())
        hashed.update(memoryview(value.reshape(-1).view(torch.uint8).numpy()))
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        hashed.update(f"{value.dtype} {value.shape}".encode())
        hashed.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        for name in value:
            hashed.update(repr(name).encode())
            _add(hashed, value[name])
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for item in value:
            _add(hashed, item)
    elif value is None or isinstance(value, (str, bytes, int, float, complex, np.generic)):
        hashed.update(repr(value).encode())
    else:
        hashed.update(pickle.dumps(value, protocol=5))
