"""How often a rank looks at its layers: as often as a share of the time allows, which is measured while it goes."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator

SHARE = 0.02  # of the training's time
MARGIN = 0.5  # of the share is aimed at, as in `watch`: listening slows down what it listens to, and that cannot be timed
KEPT = 5  # looks whose median says what the next one will cost
FIRST_JUDGED = 0.05  # seconds that judging is taken to cost before it has been done


class Purse:
    """Seconds that may be spent on looking, a share of those that have passed.

    Args:
        every: look at every so many steps, whatever it costs; None: as the share allows.
    """

    def __init__(self, every: int | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.every, self._clock = every, clock
        self.spent = 0.0
        self._began: float | None = None
        self._costs: deque[float] = deque(maxlen=KEPT)
        self._judged = FIRST_JUDGED
        self._due_at = 0.0  # by the clock: when another look is paid for

    @property
    def passed(self) -> float:
        """Seconds since the first question."""
        return 0.0 if self._began is None else self._clock() - self._began

    def due(self, step: int) -> bool:
        """Whether the layers are to be looked at in this step, counted from 1. The first one is, for what it costs."""
        if self._began is None:
            self._began = self._clock()
        if self.every is not None:
            return step == 1 or step % self.every == 0
        return self._clock() >= self._due_at

    def affords_judging(self) -> bool:
        """Whether there is time to make something of what was seen."""
        return self.every is not None or self._affords(self._judged)  # who says how often, whatever it costs, is to see it

    def looked(self, seconds: float) -> None:
        """A step was looked at, at this cost."""
        self.spent += seconds
        self._costs.append(seconds)
        if len(self._costs) == 2:  # the first one made room and filled caches
            self._costs.popleft()
        self._wait()

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        """Around what judging costs."""
        begin = self._clock()
        try:
            yield
        finally:
            self._judged = self._clock() - begin
            self.spent += self._judged
            self._wait()

    def _affords(self, seconds: float) -> bool:
        return self.spent + seconds <= MARGIN * SHARE * self.passed if math.isfinite(seconds) else False

    def _wait(self) -> None:
        """Until one more look is paid for."""
        self._due_at = (self._began or 0.0) + (self.spent + statistics.median(self._costs)) / (MARGIN * SHARE) if self._costs else 0.0
