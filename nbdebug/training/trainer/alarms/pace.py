"""How long a rank takes for its own part of a step, and how long it waits for data.

The ranks wait for each other in every backward pass, so that the seconds of a whole step are the same on all of them. A rank's own time is that for its
batch, from the beginning of its forward pass to its last gradient, before the others' are waited for.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

SAMPLED = 5  # every so many updates are timed; our choice: a call of ours for each parameter in a fifth of them
KEPT = 9  # timed updates whose median counts
IN_A_ROW = 3  # comparisons in which a rank must be the slow one; our choice: another program's load comes and goes
LEAST = 1e-3  # seconds that it must be slower; our choice: below it lie the scheduler's pauses
WAITED = 10.0  # seconds of waiting for data before that is said; our choice: a run of seconds may start slowly
BATCHES = 50  # read before it is said


class OwnTime:
    """Times this rank's part of some updates.

    Args:
        whole: called once a batch, without DDP around it.
        parameters: that get gradients.
    """

    def __init__(self, whole: nn.Module, parameters: Iterable[Tensor], clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._parameters = clock, [p for p in parameters if p.requires_grad]
        self._cuda = any(p.is_cuda for p in self._parameters)
        self._handles = [whole.register_forward_pre_hook(self._enter), whole.register_forward_hook(self._leave)]
        self._hooks: list[Any] = []
        self._timed: deque[float] = deque(maxlen=KEPT)
        self._updates, self._own, self._waited = 0, 0.0, 0.0
        self._began = self._last = 0.0
        self._events: list[tuple[Any, Any]] = []

    def read(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same batches; the time until each is a part of this rank's own."""
        while True:
            begin = self._clock()
            delivered = next(batches, self)
            if delivered is self:
                return
            self._waited += self._clock() - begin
            yield delivered

    def median(self) -> float:
        """Seconds of late updates; 0 before any was timed."""
        return median(self._timed) if self._timed else 0.0

    def update(self) -> None:
        """The passes of an update are over."""
        if self._hooks or self._events:
            self._close()
            self._timed.append(self._own + self._waited)
        self._own, self._waited = 0.0, 0.0
        self._updates += 1

    def close(self) -> None:
        for handle in (*self._handles, *self._hooks):
            handle.remove()
        self._handles, self._hooks = [], []

    def _enter(self, module: nn.Module, args: Any) -> None:
        if self._updates % SAMPLED or not torch.is_grad_enabled():
            return
        if self._cuda:
            self._events.append((torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)))
            self._events[-1][0].record()
            return
        if not self._hooks:
            self._hooks = [p.register_post_accumulate_grad_hook(self._grown) for p in self._parameters]
        self._add()
        self._began = self._clock()

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._events:
            self._events[-1][1].record()
        elif self._hooks:
            self._last = self._clock()

    def _grown(self, parameter: Tensor) -> None:
        self._last = self._clock()

    def _add(self) -> None:
        """The batch before, which is over."""
        self._own += max(0.0, self._last - self._began)
        self._began = self._last = 0.0

    def _close(self) -> None:
        self._add()
        if self._events:  # of a GPU only the forward passes: in the backward pass there is no moment before the others are waited for
            self._events[-1][1].synchronize()
            self._own += sum(begin.elapsed_time(end) for begin, end in self._events) / 1000
            self._events.clear()
        for hook in self._hooks:
            hook.remove()
        self._hooks = []


@dataclass(frozen=True)
class Slow:
    """A rank that takes longer than the others."""

    rank: int
    own: float  # seconds of a step
    others: float  # the median of the other ranks'


class Comparing:
    """Which rank is slow, told once: it must be so several times in a row.

    Args:
        limit: times the median of the others.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._counts: dict[int, int] = {}
        self._told: set[int] = set()

    def told(self, own: Sequence[float]) -> list[Slow]:
        """Seconds by rank; the ranks that are now known to be slow."""
        found = []
        for rank, mine in enumerate(own):
            others = median(value for other, value in enumerate(own) if other != rank)
            slow = 0 < others < mine / self._limit and mine - others > LEAST
            self._counts[rank] = self._counts.get(rank, 0) + 1 if slow else 0
            if self._counts[rank] == IN_A_ROW and rank not in self._told:
                self._told.add(rank)
                found.append(Slow(rank, mine, others))
        return found


class Waiting:
    """How much of the time goes into waiting for batches.

    Args:
        limit: share of the time.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._limit, self._clock = limit, clock
        self._since: float | None = None
        self._waited, self._batches, self._said = 0.0, 0, False
        self.share = 0.0  # so far

    def read(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same batches. The first of each pass starts workers, and does not count."""
        first = True
        while True:
            begin = self._clock()
            delivered = next(batches, self)
            if delivered is self:
                return
            self.add(begin, self._clock(), counts=not first)
            first = False
            yield delivered

    def add(self, begin: float, end: float, *, counts: bool = True) -> None:
        """One batch was waited for."""
        if self._since is None or not counts:
            self._since = end if self._since is None else self._since + (end - begin)
            return
        self._waited, self._batches = self._waited + end - begin, self._batches + 1
        self.share = self._waited / max(1e-9, end - self._since)

    def told(self) -> tuple[float, float] | None:
        """The share and the seconds, once, when it is too much."""
        if self._said or self._waited < WAITED or self._batches < BATCHES or self.share <= self._limit:
            return None
        self._said = True
        return self.share, self._waited
