"""Batches of other sizes than the loader gives: collated anew where the dataset can be asked, else cut and repeated."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

from nbdebug import batch as batches
from nbdebug import loading
from nbdebug.errors import BatchError, StepError, first_line

DISTINCT = 256  # samples that are read; larger batches repeat them, which takes as long and as much memory
PATIENCE = 2.0  # seconds for reading them, beside those of the loader's own batch


class Batches:
    """Batches of any size, made of a loader's samples.

    Attributes:
        own: samples in the loader's batch; None when they cannot be told apart.
        total: samples in the dataset; None when nobody knows.
        how: how other sizes are made, for the report.
    """

    def __init__(self, loader: Any, name: str = "train_loader") -> None:
        delivered = next(loading.read(loader, name))
        self.batch = delivered.batch
        indices = delivered.indices
        self.own = len(indices) if indices is not None else batches.batch_size(self.batch)
        self.total = _length(loader) if indices is not None else None
        self._loader = loader
        self._indices = list(indices or ())
        self._samples: list[Any] = []
        self.how = "collated from the dataset" if indices else "the rows of one batch, cut or repeated"

    def make(self, size: int) -> Any:
        """A batch of so many samples.

        Raises:
            BatchError: the samples of the loader's batch cannot be told apart.
            StepError: the dataset or the collate function raised.
        """
        if size == self.own:
            return self.batch
        if not self._indices:
            return batches.take(self.batch, _cycled(self.own or 1, size))
        self._read(min(size, DISTINCT))
        held = len(self._samples)
        if size <= held:
            return self._collated(self._samples[:size])
        whole = self._collated(self._samples)
        if batches.batch_size(whole) == held:
            return batches.take(whole, _cycled(held, size))
        return self._collated([self._samples[row] for row in _cycled(held, size)])

    def _read(self, count: int) -> None:
        """Reads on until there are so many samples, or patience is over."""
        if len(self._samples) >= count:
            return
        started, dataset = time.perf_counter(), self._loader.dataset
        try:
            if len(self._indices) < count:
                order = (index for indices in self._loader.batch_sampler for index in indices)
                self._indices = list(dict.fromkeys([*self._indices, *islice(order, DISTINCT)]))
            fetch_many = getattr(dataset, "__getitems__", None)
            for index in self._indices[len(self._samples) : count]:
                if len(self._samples) >= (self.own or 1) and time.perf_counter() - started > PATIENCE:
                    return
                self._samples.append(fetch_many([index])[0] if callable(fetch_many) else dataset[index])
        except Exception as error:
            raise StepError(f"reading samples of the dataset raised {type(error).__name__}: {first_line(error)}") from error

    def _collated(self, samples: list[Any]) -> Any:
        try:
            return self._loader.collate_fn(samples)
        except Exception as error:
            raise BatchError(f"collate_fn raised {type(error).__name__} for a batch of {len(samples)}: {first_line(error)}") from error


def _cycled(held: int, size: int) -> list[int]:
    return [row % held for row in range(size)]


def _length(loader: Any) -> int | None:
    try:
        return len(loader.dataset)
    except (TypeError, NotImplementedError, AttributeError):
        return None
