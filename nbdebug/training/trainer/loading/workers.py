"""What runs where samples are read, in a worker's process or in the rank's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, TensorDataset, get_worker_info

from nbdebug.training.trainer.loading.dealing import dealt
from nbdebug.training.trainer.loading.randomness import seed_of, seed_process


class Seeded(Dataset[Any]):
    """A dataset asked by (seed, indices): each batch has random numbers of its own, whichever worker reads it, and whenever."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitems__(self, asked: tuple[int, list[Any]]) -> Any:
        seed, indices = asked
        seed_process(seed)
        many = getattr(self.dataset, "__getitems__", None)
        return many(indices) if many else [self.dataset[index] for index in indices]

    def __getitem__(self, asked: tuple[int, Any]) -> Any:
        """For a loader that does not make batches: what its sampler gives goes to the dataset as it is."""
        seed, index = asked
        seed_process(seed)
        return self.dataset[index]


class Rows(Dataset[Any]):
    """Tensors of which a batch takes its rows at once: what `default_collate` makes of a TensorDataset, several times as quickly. Nothing is drawn."""

    def __init__(self, dataset: TensorDataset) -> None:
        self.dataset = dataset

    def __getitems__(self, asked: tuple[int, list[int]]) -> list[Tensor]:
        rows = torch.tensor(asked[1])
        return [tensor[rows] for tensor in self.dataset.tensors]


class Stream(IterableDataset[Any]):
    """An iterable dataset of which one rank's parts are kept; each item is (samples, of, batch).

    Every rank, and in it every worker, reads what the user's own dataset would give there. It has the same random numbers on each rank,
    so that what one leaves another takes.
    """

    def __init__(self, dataset: Any, collate: Callable[[Any], Any], seed: int, shares: dict[str, Any], batched: bool) -> None:
        self.dataset, self.collate, self.seed, self.shares, self.batched = dataset, collate, seed, shares, batched
        self.epoch = 0

    def __iter__(self) -> Iterator[tuple[int, int, Any]]:
        worker = get_worker_info()
        seed_process(seed_of(self.seed, self.epoch, "stream", 0 if worker is None else worker.id))
        for share in dealt(self.dataset, **self.shares):
            yield share.samples, share.of, self.collate(share.mine if self.batched else share.mine[0])


class Begin:
    """A worker's beginning: the user's code finds its own dataset in `get_worker_info()`, and its own function is called."""

    def __init__(self, users: Callable[[int], None] | None) -> None:
        self.users = users

    def __call__(self, worker: int) -> None:
        info = get_worker_info()
        object.__setattr__(info, "dataset", info.dataset.dataset)  # it does not let itself be changed otherwise
        if self.users is not None:
            self.users(worker)


def as_it_is(item: Any) -> Any:
    """A collate function that does nothing."""
    return item
