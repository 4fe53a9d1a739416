"""What the contenders are trained on and what they are judged by: two sets of batches that share no sample."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, SequentialSampler

from nbdebug import batch as batches
from nbdebug.errors import BatchError, SetupError
from nbdebug.loading import Delivered, read, rewinds
from nbdebug.training_setup import TrainingSetup

MOST_BATCHES = 64  # of a loader
MOST_BYTES = 256 * 2**20  # of a loader
MOST_HELD_OUT = 2048  # samples
APART = 5  # every so many-th sample of train_loader is held out, when there is no val_loader


@dataclass(frozen=True)
class Samples:
    """Batches of both kinds, in memory."""

    training: list[Any]
    held_out: list[Delivered]  # the numbers of the samples are of their loader
    said: str  # where the samples held out come from, in words


def gathered(setup: TrainingSetup, seconds: float | None) -> Samples:
    """Reads both, each in at most half of the time.

    Raises:
        SetupError: the loader gives one batch whose samples cannot be told apart, so that nothing can be held out.
    """
    half = None if seconds is None else seconds / 2
    training = _read(setup.train_loader, "train_loader", half, None)
    if setup.val_loader is not None:
        held_out = _read(setup.val_loader, "val_loader", half, MOST_HELD_OUT)
        return Samples([one.batch for one in training], held_out, "val_loader")
    kept, held_out = _parted(training)
    return Samples(kept, held_out, "train_loader, of which they were held out, because there is no val_loader")


def _read(loader: Iterable[Any], name: str, seconds: float | None, most_samples: int | None) -> list[Delivered]:
    started, found, samples, held = time.perf_counter(), [], 0, 0
    for one in read(_spread(loader), name):
        found.append(one)
        samples += batches.batch_size(one.batch) or 1
        held += sum(t.numel() * t.element_size() for _, t in batches.tensors(one.batch))
        late = seconds is not None and time.perf_counter() - started > seconds and len(found) > 1
        if len(found) >= MOST_BATCHES or held > MOST_BYTES or late or (most_samples is not None and samples >= most_samples):
            break
    return found


def _spread(loader: Any) -> Any:
    """A loader that reads in order, and has more than is read, begins with samples from all of its dataset: they may be sorted."""
    plain = isinstance(loader, DataLoader) and type(loader).__iter__ is DataLoader.__iter__ and rewinds(loader)
    size = loader.batch_size if plain else None
    if size is None or not isinstance(loader.sampler, SequentialSampler) or len(loader.dataset) <= size:
        return loader
    count = min(len(loader.dataset), size * MOST_BATCHES)
    places = torch.linspace(0, len(loader.dataset) - 1, count).round().long()
    piles = -(-count // size)  # as cards are dealt: every batch gets samples from everywhere
    return DataLoader(loader.dataset, batch_sampler=[places[i::piles].tolist() for i in range(piles)], collate_fn=loader.collate_fn)


def _parted(training: list[Delivered]) -> tuple[list[Any], list[Delivered]]:
    """Some samples of each batch apart, so that a loader in order is no trouble; else some of the batches."""
    try:
        parts = [_cut(one) for one in training]
    except BatchError:
        parts = []
    held_out = [apart for _, apart in parts if apart is not None]
    if held_out:
        known = {i for apart in held_out for i in apart.indices or ()}  # a sampler may draw one twice
        return [kept for kept in (_without(rest, known) for rest, _ in parts) if kept is not None], held_out
    if len(training) < 2:
        size = batches.batch_size(training[0].batch)
        seen = "whose samples cannot be told apart" if size is None else f"of {size} sample{'s' * (size > 1)}"
        raise SetupError(f"train_loader gives one batch {seen}, so that none can be held out: pass val_loader=...")
    every = min(APART, len(training))
    return [one.batch for one in training if one.number % every != every - 1], [one for one in training if one.number % every == every - 1]


def _cut(one: Delivered) -> tuple[Delivered, Delivered | None]:
    size = batches.batch_size(one.batch)
    if size is None:
        raise BatchError("the samples cannot be told apart")
    apart = [row for row in range(size) if (row + one.number) % APART == APART - 1]
    rest = [row for row in range(size) if (row + one.number) % APART != APART - 1]
    if not apart or not rest:
        return one, None
    return _taken(one, rest), _taken(one, apart)


def _taken(one: Delivered, rows: list[int]) -> Delivered:
    indices = tuple(one.indices[row] for row in rows) if one.indices is not None and len(one.indices) == batches.batch_size(one.batch) else None
    return Delivered(one.number, batches.take(one.batch, rows), indices)


def _without(one: Delivered, known: set[Any]) -> Any:
    if one.indices is None or not known.intersection(one.indices):
        return one.batch
    rows = [row for row, index in enumerate(one.indices) if index not in known]
    return batches.take(one.batch, rows) if rows else None
