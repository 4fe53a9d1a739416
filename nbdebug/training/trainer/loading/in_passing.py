"""Data without indices, read in passing: streams, and loaders of which only is known that they give batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from torch.utils.data import DataLoader

from nbdebug.batch import batch_size
from nbdebug.training.trainer.loading.batches import Batches, Dealing, Place
from nbdebug.training.trainer.loading.dealing import Share, Weighed, dealt, weighed
from nbdebug.training.trainer.loading.order import length
from nbdebug.training.trainer.loading.randomness import Apart, seed_of
from nbdebug.training.trainer.loading.workers import Begin, Stream, as_it_is

OWN_RANK = ("get_rank", "get_world_size", "split_dataset_by_node", "RANK", "LOCAL_RANK", "WORLD_SIZE")  # by which a dataset shows that it shares by itself


class Streamed(Batches):
    """An iterable dataset: each rank reads all of it and keeps its part, unless it shares by itself."""

    def __init__(self, loader: DataLoader[Any], size: int | None, drop_last: bool, dealing: Dealing, options: dict[str, Any]) -> None:
        super().__init__(dealing)
        self._own = dealing.world_size > 1 and shares_itself(loader.dataset)
        rank, world = (0, 1) if self._own else (dealing.rank, dealing.world_size)
        shares = {"rank": rank, "world_size": world, "size": size or 1, "drop_last": drop_last, "lend": dealing.train}
        self._stream = Stream(loader.dataset, loader.collate_fn, dealing.seed, shares, batched=size is not None)
        begin = Begin(loader.worker_init_fn) if options["num_workers"] else None
        options = {**options, "persistent_workers": False}  # a worker that stays would not hear of the next epoch
        self._loader = DataLoader(self._stream, batch_size=None, collate_fn=as_it_is, worker_init_fn=begin, **options)
        self._workers = options["num_workers"]
        self.length = _length(loader.dataset, world * (size or 1), drop_last) if self._workers < 2 else None
        name = type(loader.dataset).__name__
        self.how = f"{name} asks for its rank and shares by itself" if self._own else f"each rank reads all of {name} and keeps its own samples"

    def _read(self, start: Place) -> Iterator[tuple[Any, int | None, Weighed]]:
        self._stream.epoch = start.epoch
        if callable(getattr(self._stream.dataset, "set_epoch", None)):
            self._stream.dataset.set_epoch(start.epoch)
        apart = Apart(seed_of(self.dealing.seed, start.epoch)) if not self._workers else None
        shares = (Share(batch, samples, of) for samples, of, batch in _passing(iter(self._loader), apart))
        rest = islice(shares, start.batches, None)
        if self._own and self.dealing.train:
            rest = self._while_all_have(rest)
        for part in weighed(rest, 1 if self._own else self.dealing.world_size, self.dealing.accumulate):
            yield part.share.mine, part.share.samples, part

    def _while_all_have(self, shares: Iterator[Share]) -> Iterator[Share]:
        """Where ranks share by themselves, one may have more than another; what is over is left, for a step needs all of them."""
        while True:
            share = next(shares, None)
            if self.dealing.all_have is not None and not self.dealing.all_have(share is not None):
                return
            if share is None:
                return
            yield share


class AsTheyCome(Batches):
    """Anything that gives batches: the ranks take them in turn."""

    def __init__(self, loader: Iterable[Any], dealing: Dealing) -> None:
        super().__init__(dealing)
        self._loader = loader
        self.length = _length(loader, dealing.world_size, False)
        self.how = f"each rank goes through all batches of the {type(loader).__name__} and takes its turns"

    def _read(self, start: Place) -> Iterator[tuple[Any, int | None, Weighed]]:
        if callable(getattr(self._loader, "set_epoch", None)):
            self._loader.set_epoch(start.epoch)
        apart, dealing = Apart(seed_of(self.dealing.seed, start.epoch)), self.dealing
        with apart:
            batches = iter(self._loader)
        turns = dealt(_passing(batches, apart), dealing.rank, dealing.world_size, 1, lend=dealing.train)
        shares = (Share(share.mine[0], share.samples, share.of) for share in islice(turns, start.batches, None))
        for part in weighed(shares, dealing.world_size, dealing.accumulate):
            yield part.share.mine, (batch_size(part.share.mine) if part.share.samples else 0), part


def _passing(reading: Iterator[Any], apart: Apart | None) -> Iterator[Any]:
    """Each item, read with random numbers of its own."""
    while True:
        if apart is None:
            item = next(reading, reading)
        else:
            with apart:
                item = next(reading, reading)
        if item is reading:
            return
        yield item


def shares_itself(dataset: Any) -> bool:
    """Whether the code of its class asks which rank it is in."""
    for kind in type(dataset).__mro__:
        if kind.__module__.startswith("torch.utils.data"):
            return False
        codes = [function.__code__ for function in vars(kind).values() if hasattr(function, "__code__")]
        if any(name in (*code.co_names, *code.co_consts) for code in codes for name in OWN_RANK):
            return True
    return False


def _length(sized: Any, block: int, drop_last: bool) -> int | None:
    items = length(sized)
    return None if items is None else items // block if drop_last else -(-items // block)
