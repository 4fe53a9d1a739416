"""Does reading one sample change another that was read before? A dataset that fills the same buffer each time does that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy
from torch.utils.data import DataLoader

from nbdebug.data.running.asked import Running, fetch
from nbdebug.data.running.values import equal_arrays, kept, leaves

PAIRS = 2  # that are read, and each of them must show it; our choice
MOST_TIME = 1.0  # seconds a sample, above which the readings cost too much


@dataclass(frozen=True)
class Overwritten:
    """Samples that changed when another one was read."""

    pairs: int
    fields: tuple[str, ...]  # paths in the sample
    before: str  # "mean 0.412", of what the first sample held,
    after: str  # and of what it held when the next had been read
    ids: tuple[int, ...]


def overwritten(running: Running) -> Overwritten | None:
    """None when samples keep what they hold, or none is put together with others.

    The first of two samples is read, and looked at again after the second was read. It counts only where it then holds what the second
    holds, and is what it was when it is read again: a counter of readings in a sample moves on its own account.
    """
    if not _in_batches(running.loader) or callable(getattr(running.dataset, "__getitems__", None)) or running.seconds > MOST_TIME:
        return None
    indices = running.indices
    pairs = [(one, other) for one, other in zip(indices, indices[1:], strict=False)][:PAIRS]
    found = []
    for one, other in pairs:
        with contextlib.suppress(Exception):  # a dataset that raises now and then
            found.append(_changed(running, one, other))
        if not found or not found[-1]:
            return None
    if not found:
        return None
    path, (before, after) = next(iter(found[0].items()))
    fields = tuple(dict.fromkeys(path for changed in found for path in changed))
    ids = tuple(dict.fromkeys(int(i) for pair in pairs for i in pair if isinstance(i, int | numpy.integer)))
    return Overwritten(len(found), fields, _mean(before), _mean(after), ids)


def _in_batches(loader: DataLoader) -> bool:
    """Whether batches are put together of several samples; a sample alone is used before the next is read."""
    return loader.batch_sampler is not None and getattr(loader.batch_sampler, "batch_size", None) != 1


def _changed(running: Running, one: Any, other: Any) -> dict[str, tuple[numpy.ndarray, numpy.ndarray]]:
    """By field: what the first sample held, and what it held after the second was read."""
    with running.put_back():
        running.shake(0)
        first = fetch(running.dataset, one)
        before = dict(leaves(kept(first)))
        second = fetch(running.dataset, other)
        after, next_one = dict(leaves(kept(first))), dict(leaves(kept(second)))
    if all(path in after and equal_arrays(was, after[path]) for path, was in before.items()):
        return {}
    with running.put_back():
        running.shake(0)
        again = dict(leaves(running.read(one)))
    return dict(_lost(before, after, next_one, again))


def _lost(
    before: dict[str, numpy.ndarray], after: dict[str, numpy.ndarray], other: dict[str, numpy.ndarray], again: dict[str, numpy.ndarray]
) -> Iterator[tuple[str, tuple[numpy.ndarray, numpy.ndarray]]]:
    for path, was in before.items():
        if all(path in found for found in (after, other, again)):
            moved = not equal_arrays(was, after[path]) and equal_arrays(after[path], other[path])
            if moved and equal_arrays(was, again[path]):
                yield path, (was, after[path])


def _mean(array: numpy.ndarray) -> str:
    return f"mean {array.astype(numpy.float64).mean():.4g}" if array.size else "nothing"
