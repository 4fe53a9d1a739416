"""A loader that is asked for samples; its random states, and its own objects, put back after each question."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from nbdebug.data.no_model import NoModel
from nbdebug.data.running.choosing import indices_of, own_collate, why_not
from nbdebug.data.running.spots import datasets_of
from nbdebug.data.running.values import kept
from nbdebug.errors import first_line
from nbdebug.nonfinite.kept.random_states import RandomStates
from nbdebug.source_lines import location_fields, users_line_of_traceback
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched.aside import Aside
from nbdebug.untouched.walk import session_of

DEAR = 0.05  # seconds a sample: of such a dataset a brief look asks nothing that needs many

LAZY = 1.0  # seconds of a first reading, above which a brief look does not make it again

STRIDE = 97  # numbers that a generator goes on: so many that one which throws some away is not where it would have been


@dataclass(frozen=True)
class Raised:
    """A sample, or a batch, that raised."""

    where: str  # "dataset index 17", "collate_fn", "worker 0"
    error: str
    file: str = ""
    line: int | None = None
    cell: int | None = None
    only_in_workers: bool = False


class Running:
    """One loader that is asked. Lives in memory only.

    Attributes:
        why_not: why nothing can be asked of its samples; empty when they can be.
        indices: of the samples that the experiments read.
        wanted: how many there should be of them; fewer where samples raise or time is short.
        seconds: that one sample takes.
        patience: seconds for the first reading of them; those that come later are not asked.
        raised: what raised on the way.
        ours: what raised while it was listened to, and not otherwise.
    """

    def __init__(self, loader: Any, name: str, *, samples: int, brief: bool, patience: float = 5.0) -> None:
        self.loader, self.name, self.brief, self.patience = loader, name, brief, patience
        self.dataset = getattr(loader, "dataset", None)
        self.collate = own_collate(loader)
        self.indices: list[Any] = []
        self.wanted = 0
        self.raised: list[Raised] = []
        self.ours: str = ""
        self.seconds = 0.0
        self._session = session_of(TrainingSetup(NoModel(), train_loader=_walked(loader)), weights=False)
        self._random = RandomStates("cpu", self._session.generators)
        self.why_not = why_not(loader)
        if not self.why_not:
            self._choose(samples)

    @property
    def workers(self) -> int:
        return getattr(self.loader, "num_workers", 0)

    @property
    def iterable(self) -> bool:
        return isinstance(self.loader, DataLoader) and isinstance(self.dataset, IterableDataset)

    def _choose(self, samples: int) -> None:
        with self.put_back():
            try:
                self.indices = indices_of(self.loader, samples)
            except Exception as error:  # a sampler of the user's
                self.why_not = f"its sampler raised {type(error).__name__}: {first_line(error)}"
                return
            if not self.indices:
                self.why_not = "it is empty: its dataset or its sampler has no sample"
                return
            self.wanted = len(self.indices)
            self.indices = self._readable()
        if self.brief and self.seconds > DEAR:
            self.why_not = f"a sample takes {self.seconds:.2g} s, too long for a checkup: nbdebug.loader_audit asks it"
        elif not self.indices:
            self.why_not = f"every sample raised: {self.raised[0].error}" if self.raised else "its samples are None"

    def _readable(self) -> list[Any]:
        """Those that do not raise, as far as there is time; what is imported or opened with the first sample is not its time."""
        started = time.perf_counter()
        first = self.read(self.indices[0])
        self.seconds = time.perf_counter() - started
        if self.seconds > (LAZY if self.brief else self.patience):
            return self.indices[:1] if first is not None else []
        started, good = time.perf_counter(), []
        for read, index in enumerate(self.indices, start=1):
            good += [index] if self.read(index) is not None else []
            self.seconds = (time.perf_counter() - started) / read
            if time.perf_counter() - started > (DEAR if self.brief else self.patience):
                break
        return good

    def more(self, most: int, seconds: float) -> list[Any]:
        """The indices, and as many more as can be read in this time."""
        count = min(most, int(seconds / max(self.seconds, 1e-6)))
        if count <= len(self.indices):
            return self.indices
        with self.put_back(), contextlib.suppress(Exception):
            return list(dict.fromkeys([*self.indices, *indices_of(self.loader, count)]))
        return self.indices

    def fetch(self, index: Any) -> Any:
        """A sample as the model gets it: by itself in a batch that the user's own collate_fn made, where that can be, less the axis of the batch."""
        item = fetch(self.dataset, index)
        if self.collate is not None:
            with contextlib.suppress(Exception):  # some make batches of several only, and what raises is told elsewhere
                return only_row(self.collate([item]))
        return item

    def read(self, index: Any) -> Any:
        """A copy of a sample, as the loader's workers would fetch it; None when it raised, which is noted once."""
        try:
            return kept(self.fetch(index))
        except Exception as error:
            self.note(f"dataset index {index}", error)
            return None

    def item(self, index: Any) -> Any:
        """The same as the dataset gives it, before anything is put together."""
        try:
            return kept(fetch(self.dataset, index))
        except Exception as error:
            self.note(f"dataset index {index}", error)
            return None

    def watched(self, index: Any, draw: int, watching: Callable[[], AbstractContextManager[Any]]) -> Any:
        """A sample as this draw gives it, read while it is watched; None when it raised.

        What raises as well when nobody watches is noted; the rest is our fault, and nobody else's.
        """
        with self.put_back():
            self.shake(draw)
            try:
                with watching():
                    return kept(self.fetch(index))
            except Exception as error:
                said = f"{type(error).__name__}: {first_line(error)}"
        with self.put_back():
            self.shake(draw)
            if self.read(index) is not None:
                self.ours = self.ours or f"dataset index {index} raised only while it was listened to: {said}"
        return None

    def shake(self, draw: int) -> None:
        """Random states for this draw: the global ones are seeded, those that the dataset owns have gone on a little."""
        seed(draw)
        for generator in self._session.generators.values() if draw else ():
            if isinstance(generator, torch.Generator):
                torch.rand(STRIDE * draw, generator=generator, device=generator.device)
            else:
                for _ in range(STRIDE * draw):
                    generator.random()

    def note(self, where: str, error: BaseException) -> None:
        line = location_fields(users_line_of_traceback(error.__traceback__))
        raised = Raised(where, f"{type(error).__name__}: {first_line(error)}", **line)
        if raised not in self.raised:
            self.raised.append(raised)

    @contextlib.contextmanager
    def put_back(self) -> Iterator[None]:
        """Random states, and attributes and containers of the user's objects, are afterwards what they were."""
        states, aside = self.states(), Aside()
        for holder in self._session.holders.values():
            aside.mapping(vars(holder))
        for container in self._session.containers.values():
            aside.container(container)
        try:
            yield
        finally:
            aside()
            write(states)

    def states(self) -> list[tuple[Any, Any]]:
        """The random states as they are now; `write` puts them back."""
        return self._random.read()

    def holders(self) -> list[Any]:
        """The user's objects under the loader, those that have attributes in a plain dict."""
        found = [inner for _, inner in datasets_of(self.dataset)] + list(self._session.holders.values())
        return [holder for holder in {id(holder): holder for holder in found}.values() if type(getattr(holder, "__dict__", None)) is dict]

    def namespaces(self) -> Iterator[tuple[str, dict[str, Any], set[str]]]:
        """The globals of the user's functions under the loader, and the names among them that these use."""
        return self._session.namespaces()

    def functions(self) -> list[FunctionType]:
        """The user's functions under the loader."""
        return list(self._session.functions.values())

    def cached(self) -> str:
        """The name of a function under the dataset that remembers its answers, which must be given no others than the true ones."""
        for kind in type(self.dataset).__mro__:
            if name := next((n for n, v in vars(kind).items() if hasattr(v, "cache_clear")), ""):
                return name
        return next((n for _, space, names in self._session.namespaces() for n in names if hasattr(space.get(n), "cache_clear")), "")


def _walked(loader: Any) -> Any:
    """The loader, or a plain one of the same dataset in the place of one of ours, under which nobody looks for the user's things."""
    ours = isinstance(loader, DataLoader) and type(loader).__module__.startswith("nbdebug.")
    return DataLoader(loader.dataset) if ours else loader


def write(states: list[tuple[Any, Any]]) -> None:
    """Random states as they were."""
    for setting, state in states:
        setting.write(state)


def fetch(dataset: Any, index: Any) -> Any:
    """What a worker does for one sample."""
    many = getattr(dataset, "__getitems__", None)
    return many([index])[0] if callable(many) else dataset[index]


def only_row(batch: Any) -> Any:
    """A batch of one sample less its first axis, in the same containers.

    Raises:
        ValueError: a part of it has no such axis.
    """
    if isinstance(batch, Mapping):
        return {key: only_row(part) for key, part in batch.items()}
    if isinstance(batch, tuple | list) and not (len(batch) == 1 and not isinstance(batch[0], Tensor | numpy.ndarray)):
        return tuple(map(only_row, batch))
    if isinstance(batch, Tensor | numpy.ndarray) and (batch.ndim == 0 or len(batch) != 1) or not hasattr(batch, "__getitem__"):
        raise ValueError("no batch of one sample")
    return batch[0]


def seed(number: int) -> None:
    """Global random states as another run of the program would have them."""
    random.seed(number)
    numpy.random.seed(number)
    torch.default_generator.manual_seed(number)  # not torch.manual_seed: it would seed a GPU as well
