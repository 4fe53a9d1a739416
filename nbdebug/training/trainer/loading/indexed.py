"""A dataset with indices: only the order is shared, so that each rank reads its own samples and no other."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, TensorDataset, default_collate

from nbdebug.training.trainer.loading.batches import Batches, Dealing, Place
from nbdebug.training.trainer.loading.dealing import Weighed, dealt, weighed
from nbdebug.training.trainer.loading.order import in_order, length
from nbdebug.training.trainer.loading.randomness import Apart, seed_of
from nbdebug.training.trainer.loading.workers import Begin, Rows, Seeded, as_it_is

AT_ONCE = 16  # batches whose rows are looked up together


class Indexed(Batches):
    """Samples of a map-style dataset, in the order of a sampler; or whole batches in that of a batch sampler.

    Args:
        loader: whose dataset, collate function and workers are used.
        sampler: gives indices; or with `size` None what makes up a whole batch: lists of indices, or whatever the dataset takes.
        size: samples of one rank's batch.
        options: of the DataLoader, instead of the loader's own.
    """

    def __init__(self, loader: DataLoader[Any], sampler: Any, size: int | None, drop_last: bool, dealing: Dealing, options: dict[str, Any]) -> None:
        super().__init__(dealing)
        self._sampler, self._size, self._drop_last = sampler, size, drop_last
        self._asked: deque[Weighed] = deque()  # parts that were ordered and did not come yet
        self._start = Place()
        makes_batches = loader.batch_sampler is not None
        self._lists = size is not None or makes_batches  # whether a part is a list of indices
        worker_init = Begin(loader.worker_init_fn) if options["num_workers"] else None
        given = {"batch_sampler": _Asking(self)} if self._lists else {"sampler": _Asking(self), "batch_size": None}
        rows = self._lists and type(loader.dataset) is TensorDataset and loader.collate_fn is default_collate
        reading, collate = (Rows(loader.dataset), as_it_is) if rows else (Seeded(loader.dataset), loader.collate_fn)
        self._loader = DataLoader(reading, collate_fn=collate, worker_init_fn=worker_init, **given, **options)
        self._apart = Apart() if not options["num_workers"] and not rows else None
        self._tensors = loader.dataset.tensors if rows and not options["num_workers"] and not options["pin_memory"] else None
        self.length = self._length()
        whole = "batches of the batch sampler" if size is None else "samples"
        self.how = f"{whole} are dealt out in the order of {_kind(sampler)}, drawn from (seed, epoch)"

    def _length(self) -> int | None:
        items = length(self._sampler)
        if items is None:
            return None
        block, lent = self.dealing.world_size * (self._size or 1), self.dealing.train
        if self._drop_last:
            return items // block
        blocks, left = divmod(items, block)
        return blocks + (1 if left and (lent or left > self.dealing.rank) else 0)

    def parts(self) -> Iterator[Weighed]:
        """This rank's, in order."""
        place, dealing = self._start, self.dealing
        order = islice(in_order(self._sampler, dealing.seed, place.epoch), place.items, None)
        shares = dealt(order, dealing.rank, dealing.world_size, self._size or 1, drop_last=self._drop_last, lend=dealing.train)
        return weighed(shares, dealing.world_size, dealing.accumulate)

    def asked(self) -> Iterator[tuple[int, Any]]:
        """What is ordered of the dataset, batch by batch; the loader is ahead of the training by what its workers hold."""
        place, dealing = self._start, self.dealing
        for number, part in enumerate(self.parts(), start=place.batches):
            self._asked.append(part)
            seed = seed_of(dealing.seed, place.epoch, number, dealing.rank)
            yield seed, part.share.mine if self._size is not None else part.share.mine[0]

    def _read(self, start: Place) -> Iterator[tuple[Any, int | None, Weighed]]:
        self._start = start
        if self._tensors is not None:
            yield from self._rows(self._tensors)
            return
        self._asked.clear()
        reading = iter(self._loader)
        while (batch := self._next(reading)) is not self:
            part = self._asked.popleft()
            yield batch, part.share.samples if self._size is not None else self._counted(part), part

    def _rows(self, tensors: Sequence[Tensor]) -> Iterator[tuple[Any, int | None, Weighed]]:
        """The same of tensors in memory, without the DataLoader, which takes as long as a small network's forward pass to hand two of them over."""
        parts = self.parts()
        while lot := list(islice(parts, AT_ONCE)):
            indices = [self._indices(part) or () for part in lot]
            rows = torch.tensor([index for some in indices for index in some], dtype=torch.int64).split(list(map(len, indices)))
            for part, mine in zip(lot, rows, strict=True):
                yield _taken(tensors, mine), part.share.samples if self._size is not None else self._counted(part), part

    def close(self) -> None:
        self._loader._iterator = None  # where a DataLoader keeps workers that stay

    def _next(self, reading: Iterator[Any]) -> Any:
        """The next batch, or this object itself at the end; read in this process it leaves the training's random numbers alone."""
        if self._apart is None:
            return next(reading, self)
        with self._apart:
            return next(reading, self)

    def _indices(self, part: Weighed) -> Sequence[int] | None:
        if self._size is None and self._lists:  # what the batch sampler gave as one
            return part.share.mine[0]
        return part.share.mine

    def _counted(self, part: Weighed) -> int | None:
        if not part.share.samples:
            return 0
        return len(part.share.mine[0]) if self._lists else None

    def _demand_reachable(self, start: Place) -> None:
        """Any place of an order can be gone to, whoever went there; not so with batches that make an update together."""


class _Asking:
    """What the loader takes for its sampler."""

    def __init__(self, batches: Indexed) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        return self._batches.asked()

    def __len__(self) -> int:
        return self._batches.length if self._batches.length is not None else math.inf  # type: ignore[return-value]


def _taken(tensors: Sequence[Tensor], rows: Tensor) -> list[Tensor]:
    try:
        return [tensor.index_select(0, rows) for tensor in tensors]
    except (IndexError, RuntimeError):  # rows counted from the end; a kind of tensor that has no such function
        return [tensor[rows] for tensor in tensors]


def _kind(sampler: Any) -> str:
    return type(sampler.sampler if type(sampler) is BatchSampler else sampler).__name__
