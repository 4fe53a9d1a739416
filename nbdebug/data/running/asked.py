"""Which loader can be asked, and by which indices; its random states, and its own objects, put back after each question."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from nbdebug.data.no_model import NoModel
from nbdebug.errors import first_line
from nbdebug.nonfinite.kept.random_states import RandomStates
from nbdebug.source_lines import location_fields, users_line_of_traceback
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched.aside import Aside
from nbdebug.untouched.walk import session_of

DEAR = 0.05  # seconds a sample: of such a dataset a brief look asks nothing that needs many

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
        seconds: that one sample takes.
        patience: seconds for the first reading of them; those that come later are not asked.
        raised: what raised on the way.
    """

    def __init__(self, loader: Any, name: str, *, samples: int, brief: bool, patience: float = 5.0) -> None:
        self.loader, self.name, self.brief, self.patience = loader, name, brief, patience
        self.dataset = getattr(loader, "dataset", None)
        self.indices: list[Any] = []
        self.raised: list[Raised] = []
        self.seconds = 0.0
        self._session = session_of(TrainingSetup(NoModel(), train_loader=loader), weights=False)
        self._random = RandomStates("cpu", self._session.generators)
        self.why_not = _why_not(loader)
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
            started = time.perf_counter()
            try:
                self.indices = _indices(self.loader, samples)
            except Exception as error:  # a sampler of the user's
                self.why_not = f"its sampler raised {type(error).__name__}: {first_line(error)}"
                return
            if not self.indices:
                self.why_not = "it is empty: its dataset or its sampler has no sample"
                return
            good = []
            for read, index in enumerate(self.indices, start=1):
                good += [index] if self.read(index) is not None else []
                self.seconds = (time.perf_counter() - started) / read
                if time.perf_counter() - started > (DEAR if self.brief else self.patience):
                    break
        self.indices = good
        if self.brief and self.seconds > DEAR:
            self.why_not = f"a sample takes {self.seconds:.2g} s, too long for a checkup: nbdebug.loader_audit asks it"
        elif not good:
            self.why_not = f"every sample raised: {self.raised[0].error}"

    def more(self, most: int, seconds: float) -> list[Any]:
        """The indices, and as many more as can be read in this time."""
        count = min(most, int(seconds / max(self.seconds, 1e-6)))
        if count <= len(self.indices):
            return self.indices
        with self.put_back(), contextlib.suppress(Exception):
            return list(dict.fromkeys([*self.indices, *_indices(self.loader, count)]))
        return self.indices

    def read(self, index: Any) -> Any:
        """A sample, as the loader's workers would fetch it; None when it raised, which is noted once."""
        try:
            return fetch(self.dataset, index)
        except Exception as error:
            self.note(f"dataset index {index}", error)
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

    def cached(self) -> str:
        """The name of a function under the dataset that remembers its answers, which must be given no others than the true ones."""
        for kind in type(self.dataset).__mro__:
            if name := next((n for n, v in vars(kind).items() if hasattr(v, "cache_clear")), ""):
                return name
        return next((n for _, space, names in self._session.namespaces() for n in names if hasattr(space.get(n), "cache_clear")), "")


def write(states: list[tuple[Any, Any]]) -> None:
    """Random states as they were."""
    for setting, state in states:
        setting.write(state)


def fetch(dataset: Any, index: Any) -> Any:
    """What a worker does for one sample."""
    many = getattr(dataset, "__getitems__", None)
    return many([index])[0] if callable(many) else dataset[index]


def seed(number: int) -> None:
    """Global random states as another run of the program would have them."""
    random.seed(number)
    numpy.random.seed(number)
    torch.default_generator.manual_seed(number)  # not torch.manual_seed: it would seed a GPU as well


def _why_not(loader: Any) -> str:
    if not isinstance(loader, DataLoader):
        return f"it is a {type(loader).__name__} of batches, and no DataLoader: there is no sample to ask again"
    if isinstance(loader.dataset, IterableDataset):
        return "its dataset is iterable: there is no sample to ask again"
    if type(loader.dataset) is TensorDataset:
        return "a TensorDataset has no transforms and nothing random"
    return ""


def _indices(loader: DataLoader, samples: int) -> list[Any]:
    plain = type(loader.sampler).__module__.startswith("torch.utils.data") if loader.sampler is not None else False
    if plain and hasattr(loader.dataset, "__len__") and loader.batch_sampler is not None and _is_plain_batching(loader):
        size = len(loader.dataset)
        chosen = sorted({round(place) for place in numpy.linspace(0, size - 1, min(samples, size))}) if size else []
        inner = getattr(loader.sampler, "indices", None)  # of a SubsetRandomSampler: the rest is not asked for
        return chosen if inner is None else [inner[i] for i in range(min(samples, len(inner)))]
    if loader.batch_sampler is None:
        return list(islice(iter(loader.sampler), samples))
    return [index for batch in islice(iter(loader.batch_sampler), samples) for index in batch][:samples]


def _is_plain_batching(loader: DataLoader) -> bool:
    return type(loader.batch_sampler).__module__.startswith("torch.utils.data")


@dataclass
class Box:
    """A time box that several experiments share."""

    seconds: float
    started: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> float:
        return self.seconds - (time.perf_counter() - self.started)
