"""When something is due: every so many steps, epochs or seconds, at the same step on all ranks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from nbdebug.training.config import Checkpoint
from nbdebug.training.trainer.together import Together

NEARER = 0.5  # of the steps that seem to be left, until the ranks compare their clocks again; our choice: 10 looks an interval


class Seconds:
    """Due every so many seconds; the ranks compare their clocks at steps they have agreed on, more often the nearer it is."""

    def __init__(self, seconds: float | None, together: Together, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._together, self._clock = seconds, together, clock
        self._since = clock()
        self._look, self._started_at = 1, 0

    def due(self, step: int) -> bool:
        """Whether the time is over; every rank must ask, at the steps that `next` gives."""
        if self._seconds is None or step < self._look:
            return False
        (passed,) = self._together.largest(self._clock() - self._since)
        if passed >= self._seconds:
            self.begin(step)
            return True
        steps = max(1, step - self._started_at)
        self._look = step + max(1, int(NEARER * (self._seconds - passed) / max(passed / steps, 1e-6)))
        return False

    @property
    def next(self) -> int:
        """The first step after which there is something to be asked."""
        return sys.maxsize if self._seconds is None else self._look

    def begin(self, step: int) -> None:
        """The time runs anew."""
        self._since, self._started_at, self._look = self._clock(), step, step + 1


class Moments:
    """When a checkpoint is due."""

    def __init__(self, told: Checkpoint, together: Together) -> None:
        self._told = told
        self._seconds = Seconds(told.every_seconds, together)
        self._by_step = told.every_steps is not None or told.every_seconds is not None

    def after_step(self, step: int) -> str:
        """Why a checkpoint is due after this step; empty: it is not. Every rank must ask, at the steps that `next` gives."""
        if not self._by_step:
            return ""
        late = self._seconds.due(step)
        if every(self._told.every_steps, step):
            return "every_steps"
        return "every_seconds" if late else ""

    def next(self, step: int) -> int:
        """The first step behind this one after which one may be due."""
        return min(following(self._told.every_steps, step), self._seconds.next)

    def after_epoch(self, epoch: int) -> str:
        """The same after so many epochs."""
        return "every_epochs" if every(self._told.every_epochs, epoch) else ""

    @property
    def wanted(self) -> bool:
        """Whether there are to be checkpoints at all."""
        told = self._told
        return any(n is not None for n in (told.every_steps, told.every_epochs, told.every_seconds))


def every(interval: int | None, count: int) -> bool:
    """Whether the count is one of every so many; None: never."""
    return interval is not None and count > 0 and count % interval == 0


def following(interval: int | None, count: int) -> int:
    """The first behind this count that is one of every so many; None: there is none."""
    return sys.maxsize if interval is None else count + interval - count % interval
