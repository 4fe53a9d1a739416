"""A user's loader, shared by the ranks: no sample twice, none left out, in an order that (seed, epoch) alone decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
)

from nbdebug.errors import SetupError
from nbdebug.training.config import Data
from nbdebug.training.trainer.loading.batches import Batches, Dealing, Delivered, Place
from nbdebug.training.trainer.loading.in_passing import AsTheyCome, Streamed
from nbdebug.training.trainer.loading.indexed import Indexed

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context

__all__ = ["Batches", "Dealing", "Delivered", "Place", "batches", "loader"]


def batches(loader: Iterable[Any], dealing: Dealing, told: Data | None = None, *, sampler: Any = None) -> Batches:
    """The batches of a loader for one rank.

    Args:
        loader: a DataLoader, or anything that gives batches and can be read more than once.
        told: what the configuration says of data; in validation only how it is delivered counts.
        sampler: instead of the loader's own.

    Raises:
        SetupError: it can be read only once, or it makes its batches itself and the configuration asks for others.
    """
    told = told or Data()
    name = "train_loader" if dealing.train else "val_loader"
    if isinstance(loader, Iterator):
        raise SetupError(f"{name} is a {type(loader).__name__}, which can be read only once: pass the DataLoader, or a list of batches")
    if not isinstance(loader, DataLoader) or type(loader).__iter__ is not DataLoader.__iter__:
        _demand_untouched(loader, name, told, sampler)
        return AsTheyCome(loader, dealing)
    options = _options(loader, told)
    size = told.batch_size or loader.batch_size
    drop_last = dealing.train and (loader.drop_last if told.drop_last is None else told.drop_last)
    if isinstance(loader.dataset, IterableDataset):
        return Streamed(loader, size, drop_last, dealing, options)
    changed = sampler is not None or (dealing.train and told.shuffle is not None)
    if loader.batch_sampler is not None and type(loader.batch_sampler) is not BatchSampler and not changed and not told.batch_size:
        return Indexed(loader, loader.batch_sampler, None, False, dealing, options)
    if type(loader.batch_sampler) is BatchSampler and loader.batch_size is None:  # one that was passed, of torch's own kind
        size, drop_last = told.batch_size or loader.batch_sampler.batch_size, dealing.train and loader.batch_sampler.drop_last
    if size is None and loader.batch_sampler is not None:
        raise SetupError(f"{name} makes its batches by {type(loader.batch_sampler).__name__}: to change sampling say data.batch_size too")
    return Indexed(loader, sampler or _sampler(loader, told, dealing), size, drop_last, dealing, options)


def _sampler(loader: DataLoader[Any], told: Data, dealing: Dealing) -> Any:
    """The loader's own; where it shares already, the one below, for the ranks are counted here."""
    own = loader.batch_sampler.sampler if type(loader.batch_sampler) is BatchSampler else loader.sampler
    shuffle = told.shuffle if dealing.train else None
    if shuffle is None and isinstance(own, DistributedSampler):
        shuffle = own.shuffle
    if shuffle is None:
        return own
    return RandomSampler(loader.dataset) if shuffle else SequentialSampler(loader.dataset)


def _options(loader: DataLoader[Any], told: Data) -> dict[str, Any]:
    """How batches are delivered: the loader's way, but for what the configuration says."""
    workers = loader.num_workers if told.num_workers is None else told.num_workers
    options = {
        "num_workers": workers, "generator": torch.Generator(),  # every pass draws a number, which must not be one of the training's
        "pin_memory": loader.pin_memory if told.pin_memory is None else told.pin_memory, "timeout": loader.timeout if workers else 0,
    }  # fmt: skip
    if workers:
        options |= {"prefetch_factor": told.prefetch or loader.prefetch_factor or 2, "persistent_workers": True}
        if loader.num_workers:
            options["multiprocessing_context"] = loader.multiprocessing_context
    return options


def _demand_untouched(loader: Any, name: str, told: Data, sampler: Any) -> None:
    changes = [word for word in ("batch_size", "shuffle", "drop_last", "num_workers") if getattr(told, word) is not None]
    if name == "train_loader" and (changes or sampler is not None):
        what = f"data.{changes[0]}" if changes else "data.balance"
        raise SetupError(f"{name} is a {type(loader).__name__}, which makes its batches itself: {what} cannot be changed there")


def loader(loader_or_dataset: Any, context: Context, **options: Any) -> Batches:
    """The batches of a rank for a loop of the user's own: each pass over it is the next epoch, and a resumed run goes on where it was.

    Args:
        loader_or_dataset: a DataLoader, anything that gives batches, or a dataset, for which a DataLoader is made.
        options: of that DataLoader; and `train` (True), whether every rank is given equally many batches.
    """
    train = bool(options.pop("train", True))
    if isinstance(loader_or_dataset, (Dataset, IterableDataset)):
        loader_or_dataset = DataLoader(loader_or_dataset, **options)
    elif options:
        raise SetupError(f"{', '.join(options)} can be said for a dataset alone: this {type(loader_or_dataset).__name__} has its own")
    if context.met is not None:
        context.met.read(loader_or_dataset, train)
    dealing = Dealing(context.rank, context.world_size, context.config.seed, train=train)
    found = batches(loader_or_dataset, dealing, context.config.data)
    if context.is_main and context.world_size > 1:
        context.note(found.how)
    return found
