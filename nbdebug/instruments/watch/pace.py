"""How often the tensors are looked at: as often as asked, or as often as a budget allows, measured while the loop runs."""

from __future__ import annotations

import math
import statistics
from collections import deque

from nbdebug.errors import SetupError
from nbdebug.instruments.watch.recorder import Step

FEWEST = 3  # sampled and unsampled steps that are timed before `every` is chosen
KEPT = 15  # of the last ones; the median of them counts
MARGIN = 0.5  # of the budget is aimed at: a step's time wavers, and listening between two looks costs a little too
LONGEST = 100_000  # steps between two looks
SHORTEST = 5  # steps before an overhead is told


class Pace:
    """Says which steps are sampled."""

    def __init__(self, every: int | None, budget: float | None) -> None:
        if every is not None and (not isinstance(every, int) or isinstance(every, bool) or every < 1):
            raise SetupError(f"every must be a whole number of steps from 1 on, got {every!r}")
        if every is not None and budget is not None:
            raise SetupError("every and budget exclude each other: a budget chooses every by itself")
        self.every = every or 1
        self.budget = budget
        self._costs: deque[float] = deque(maxlen=KEPT)  # seconds that watching took in a sampled step
        self._bare: deque[float] = deque(maxlen=KEPT)  # seconds of a step without what watching took
        self._spent = 0.0
        self._next = self._steps = 0

    def due(self, step: int) -> bool:
        """Whether this step is sampled. Under a budget the first steps are sampled by turns, to learn what it costs."""
        if self.budget is None:
            return step % self.every == 0
        if len(self._costs) < FEWEST or len(self._bare) < FEWEST:
            return step % 2 == 0
        return step >= self._next

    def passed(self, step: Step, spent: float) -> None:
        """An update is over.

        Args:
            spent: seconds that watching took so far, in all.
        """
        cost, self._spent = spent - self._spent, spent
        self._steps += 1
        if step.seconds is None or step.step == 0:  # the first is slow for reasons of its own
            return
        if step.sampled:
            self._costs.append(cost)
        else:
            self._bare.append(max(0.0, step.seconds - cost))
        if self.budget is not None and step.sampled and min(len(self._costs), len(self._bare)) >= FEWEST:
            self._choose(step.step)

    def overhead(self, seconds: float, *, beside: float = 0.0) -> float | None:
        """What watching added to the time that the loop would have taken without it; None after too few steps.

        Args:
            beside: seconds that it took beside its steps.
        """
        spent = self._spent + beside
        return spent / (seconds - spent) if self._steps >= SHORTEST and seconds > spent > 0 else None

    def _choose(self, step: int) -> None:
        allowed = MARGIN * (self.budget or 1.0) * statistics.median(self._bare)
        wanted = math.ceil(statistics.median(self._costs) / allowed) if allowed else LONGEST
        self.every = min(LONGEST, max(1, wanted))
        self._next = step + self.every
