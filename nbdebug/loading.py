"""Reading a loader without disturbing it: no worker processes, no iterator of the user's advanced.

Random state is the business of `untouched`; here it is only seen to that the loader object stays as it is.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, default_collate

from nbdebug.batch import map_tensors
from nbdebug.errors import SetupError, StepError, first_line
from nbdebug.source_lines import SourceLine, users_line_of_traceback


@dataclass(frozen=True)
class Delivered:
    """One batch as the loader gave it."""

    number: int  # 0-based, in the order of delivery
    batch: Any
    indices: tuple[int, ...] | None  # dataset indices of the samples; None when the loader hides them


@dataclass(frozen=True)
class Lost:
    """What could not be read."""

    batch: int  # 0-based, in the order of delivery
    index: Any  # of the dataset; None where the batch as a whole could not be put together
    error: str  # in a sentence, with the name of the loader
    line: SourceLine | None = None  # the user's own that raised


MOST_LOST = 16  # samples or batches; a loader that loses more is read no further


def first_batch(loader: Iterable[Any], name: str = "train_loader") -> Any:
    """The first batch of a fresh pass.

    Raises:
        SetupError: the loader is empty, or can be read only once.
        StepError: the dataset or the collate function raised; the original is `__cause__`.
    """
    return first_batches(loader, 1, name)[0]


def first_batches(loader: Iterable[Any], count: int, name: str = "train_loader") -> list[Any]:
    """Up to `count` batches of a fresh pass, at least one."""
    return [delivered.batch for delivered in islice(read(loader, name), count)]


def read(loader: Iterable[Any], name: str = "train_loader", *, lost: list[Lost] | None = None, own: bool = True) -> Iterator[Delivered]:
    """One fresh pass over the loader, with dataset indices where they can be known.

    Args:
        lost: where samples that raise are noted while the others are read on; None: the first of them is a StepError. A loader that
            hides its indices, and a first batch of which nothing could be read, raise in any case.
        own: whether tensors are copied, for one who may write to them.
    """
    if isinstance(loader, Iterator):
        raise SetupError(
            f"{name} is a {type(loader).__name__}, which can be read only once: looking would use up your data. "
            "Pass the DataLoader, or a list of batches"
        )
    empty, copied = True, _as_is if _stacks_samples(loader) else _own_copy
    for delivered in _deliver(loader, name, lost):
        empty = False
        yield replace(delivered, batch=map_tensors(copied, delivered.batch)) if own else delivered
    if empty:
        raise SetupError(f"{name} is empty: it gave no batch (dataset length, drop_last, sampler?)")


def _own_copy(tensor: Tensor) -> Tensor:
    """A forward may write to its inputs, which in a list of batches are the user's data."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _as_is(tensor: Tensor) -> Tensor:
    """What was made for this batch alone; with a history it is no leaf, and gradients would flow into the dataset."""
    return _own_copy(tensor) if tensor.requires_grad else tensor


def _stacks_samples(loader: Iterable[Any]) -> bool:
    """Whether every tensor of a batch is a new one; a collate function of the user's may pass on his own."""
    plain = isinstance(loader, DataLoader) and type(loader).__iter__ is DataLoader.__iter__
    return plain and loader.batch_sampler is not None and loader.collate_fn is default_collate


def rewinds(loader: Iterable[Any]) -> bool:
    """Whether a second pass is sure to start where the first did; False for iterable datasets."""
    return not (isinstance(loader, DataLoader) and isinstance(loader.dataset, IterableDataset))


def _deliver(loader: Iterable[Any], name: str, lost: list[Lost] | None) -> Iterator[Delivered]:
    try:
        if _shows_its_indices(loader):
            yield from _by_index(loader, name, lost)
        else:
            for number, batch in enumerate(_without_workers(loader)):
                yield Delivered(number, batch, None)
    except (SetupError, StepError, GeneratorExit):
        raise
    except Exception as error:
        raise StepError(_what_was_raised(name, error)) from error


def _shows_its_indices(loader: Iterable[Any]) -> bool:
    plain = isinstance(loader, DataLoader) and type(loader).__iter__ is DataLoader.__iter__
    return plain and loader.batch_sampler is not None and rewinds(loader)


def _by_index(loader: DataLoader, name: str, lost: list[Lost] | None) -> Iterator[Delivered]:
    """What a single-process DataLoader does, with the indices kept."""
    _draw_base_seed(loader)
    read_any = False
    for number, indices in enumerate(loader.batch_sampler):
        if lost is None:
            yield _fetched(loader, number, indices, name)
            continue
        delivered = _as_much_as_can_be_had(loader, number, indices, name, lost)
        if delivered is None and not read_any:
            _fetched(loader, number, indices, name)  # raises, with the cause
        if len(lost) >= MOST_LOST:
            raise StepError(f"{lost[0].error}; {len(lost) - 1} more samples or batches raised, and {name} was read no further")
        if delivered is not None:
            read_any = True
            yield delivered


def _fetched(loader: DataLoader, number: int, indices: list[Any], name: str) -> Delivered:
    dataset, fetch_many = loader.dataset, getattr(loader.dataset, "__getitems__", None)
    samples = fetch_many(indices) if callable(fetch_many) else [_sample(dataset, i, name) for i in indices]
    return Delivered(number, loader.collate_fn(samples), tuple(indices))


def _as_much_as_can_be_had(loader: DataLoader, number: int, indices: list[Any], name: str, lost: list[Lost]) -> Delivered | None:
    """The batch without the samples that raise; None where nothing is left of it."""
    if callable(getattr(loader.dataset, "__getitems__", None)):
        with contextlib.suppress(Exception):  # one by one it will show which of them it was
            return _fetched(loader, number, indices, name)
    samples, kept = [], []
    for index in indices:
        try:
            samples.append(_sample(loader.dataset, index, name))
            kept.append(index)
        except StepError as error:
            lost.append(Lost(number, index, str(error), line_of_cause(error)))
            if len(lost) >= MOST_LOST:
                break
    try:
        return Delivered(number, loader.collate_fn(samples), tuple(kept)) if samples else None
    except Exception as error:
        lost.append(Lost(number, None, _what_was_raised(name, error), users_line_of_traceback(error.__traceback__)))
        return None


def line_of_cause(error: StepError) -> SourceLine | None:
    """The user's own line that raised what a StepError passes on."""
    return users_line_of_traceback(error.__cause__.__traceback__) if error.__cause__ is not None else None


def _sample(dataset: Any, index: Any, name: str) -> Any:
    try:
        return dataset[index]
    except Exception as error:
        raise StepError(_what_was_raised(f"{name}, at dataset index {index},", error)) from error


def _what_was_raised(where: str, error: Exception) -> str:
    return f"{where} raised {type(error).__name__}: {first_line(error)}"


def _draw_base_seed(loader: DataLoader) -> None:
    """A DataLoader draws one number before the sampler does; so do we, to see the very order it would give."""
    torch.empty((), dtype=torch.int64).random_(generator=loader.generator)


def _without_workers(loader: Iterable[Any]) -> Iterable[Any]:
    """A twin of the loader that reads in this process, so that persistent workers keep their place."""
    if not isinstance(loader, DataLoader):
        return loader
    twin = copy.copy(loader)
    vars(twin).update(
        num_workers=0, persistent_workers=False, prefetch_factor=None, timeout=0, pin_memory=False, _iterator=None
    )
    return twin
