"""In which order an epoch goes through the data: the sampler's own, drawn alike on every rank and in every repetition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import torch

from nbdebug.training.trainer.loading.randomness import Apart, seed_of

AT_ONCE = 1024  # indices that are drawn together; samplers may be endless, and changing random states has its price


def in_order(sampler: Iterable[Any], seed: int, epoch: int) -> Iterator[Any]:
    """What a sampler gives in this epoch, whatever it draws from: by (seed, epoch) alone, without moving the training's random numbers."""
    return chain.from_iterable(_lots(sampler, seed, epoch))


def _lots(sampler: Iterable[Any], seed: int, epoch: int) -> Iterator[list[Any]]:
    own = seed_of(seed, epoch, "order")
    _tell(sampler, own, epoch)
    apart = Apart(own)
    with apart:
        drawing = iter(sampler)
    while True:
        with apart:
            drawn = list(islice(drawing, AT_ONCE))
        yield drawn
        if len(drawn) < AT_ONCE:
            return


def _tell(sampler: Any, seed: int, epoch: int) -> None:
    """A sampler with a generator of its own is seeded there, one that counts epochs is told; also inside a batch sampler."""
    told = set()
    while sampler is not None and id(sampler) not in told:
        told.add(id(sampler))
        if callable(getattr(sampler, "set_epoch", None)):
            sampler.set_epoch(epoch)
        if isinstance(getattr(sampler, "generator", None), torch.Generator):
            sampler.generator.manual_seed(seed)
        sampler = getattr(sampler, "sampler", None)


def length(sampler: Any) -> int | None:
    """How many it gives; None when it does not know."""
    try:
        return len(sampler)
    except (TypeError, NotImplementedError, AttributeError):
        return None
