"""How long a rank takes for its own part of a step, and how long it waits for data.

The ranks wait for each other in every backward pass, so that the seconds of a whole step are the same on all of them. A rank's own time is that for its
batch, from the beginning of its forward pass to its last gradient, before the others' are waited for.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Variable

SAMPLED = 5  # updates from one that is timed to the next, at least, and
APART = 0.05  # seconds; our choice: timing one costs 30 µs, where a small network's step takes 1.4 ms
COMPARED = 0.2  # seconds from one comparison of the ranks to the next, at least; our choice: it costs 0.3 ms
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
        self._clock, self._whole = clock, whole
        self._cuda = any(p.is_cuda for p in parameters)
        self._hooks: list[Any] = []
        self._timed: deque[float] = deque(maxlen=KEPT)
        self._left = 0  # updates that are not timed, before the next that is
        self._own = self._waited = self._began = self._last = 0.0
        self._timed_at = clock()
        self._events: list[tuple[Any, Any]] = []
        self._listen()

    def waited(self, seconds: float) -> None:
        """So long it took until a batch was there: a part of this rank's own time."""
        self._waited += seconds

    def median(self) -> float:
        """Seconds of late updates; 0 before any was timed."""
        return median(self._timed) if self._timed else 0.0

    def update(self) -> None:
        """The passes of an update are over."""
        if self._hooks:
            self._close()
            self._timed.append(self._own + self._waited)
            self._timed_at, self._left = self._clock(), SAMPLED
        self._left -= 1
        self._own = self._waited = 0.0
        if self._left <= 0 and self._clock() - self._timed_at >= APART:
            self._listen()

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _listen(self) -> None:
        """To the passes of the coming update; of the others nothing is heard, which costs nothing."""
        self._hooks = [self._whole.register_forward_pre_hook(self._enter), self._whole.register_forward_hook(self._leave)]

    def _enter(self, module: nn.Module, args: Any) -> None:
        if not torch.is_grad_enabled():
            return
        if self._cuda:
            self._events.append((torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)))
            self._events[-1][0].record()
            return
        self._add()
        self._began = self._clock()

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if not torch.is_grad_enabled():
            return
        if self._events:
            self._events[-1][1].record()
            return
        self._last = self._clock()
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(self._back)

    def _back(self, gradient: Tensor) -> None:
        """The backward pass begins. DDP waits for the other ranks in a callback at its end, which it asks for later, so that this one comes before."""
        Variable._execution_engine.queue_callback(self._through)

    def _through(self) -> None:
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
        self.close()


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


class Meetings:
    """At which steps the ranks compare: the same ones on all of them, and not more often than a comparison is worth.

    Args:
        interval: steps from one to the next, at least.
    """

    def __init__(self, interval: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self.next, self._interval, self._clock = interval, interval, clock
        self._step, self._at = 0, clock()

    def seconds(self, step: int) -> float:
        """A step of this rank took, since the last meeting; the others are to be told."""
        return (self._clock() - self._at) / max(1, step - self._step)

    def met(self, step: int, slowest: float) -> None:
        """The ranks know of each other; the next meeting follows from the seconds of the slowest."""
        self.next = step + max(self._interval, math.ceil(COMPARED / max(slowest, 1e-6)))
        self._step, self._at = step, self._clock()


class Waiting:
    """How much of the time goes into waiting for batches.

    Args:
        limit: share of the time.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._since: float | None = None
        self._waited, self._until, self._batches, self._said = 0.0, 0.0, 0, False

    def add(self, begin: float, end: float, *, counts: bool = True) -> None:
        """One batch was waited for."""
        if self._since is None or not counts:
            self._since = end if self._since is None else self._since + (end - begin)
            return
        self._waited, self._batches, self._until = self._waited + end - begin, self._batches + 1, end

    @property
    def share(self) -> float:
        """So far."""
        return self._waited / max(1e-9, self._until - self._since) if self._since is not None else 0.0

    def told(self) -> tuple[float, float] | None:
        """The share and the seconds, once, when it is too much."""
        if self._waited < WAITED or self._said or self._batches < BATCHES or self.share <= self._limit:
            return None
        self._said = True
        return self.share, self._waited
