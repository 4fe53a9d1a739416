"""How often the tensors are looked at: as often as asked, or as often as a budget allows, measured while the loop runs."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque

from nbdebug.errors import SetupError
from nbdebug.instruments.watch.recorder import Step

FEWEST = 3  # sampled and unsampled steps that are timed before `every` is chosen
KEPT = 15  # of the last ones; the median of them counts
MARGIN = 0.5  # of the budget is aimed at: a step's time wavers, and listening between two looks costs a little too
LONGEST = 100_000  # steps between two looks
SHORTEST = 5  # steps before an overhead is told
DENSE = 4  # steps at the beginning that are all sampled when nothing was asked for; our choice
GROWS = 1.6  # times the step of a look, at which the next one comes at the latest; our choice: ten looks in a hundred steps, five more in a thousand
JUMP, JUMPS, SETTLED = 5.0, 16, 8  # mean deviations of a loss, that a jump is; looks that come of jumps; losses met before; our choice
NEWEST, LONG = 0.1, 9  # share of the newest loss in what is remembered of them, once so many were met; our choice
LOWEST = -math.inf
WHOLE = 1.5  # times what can be timed of a look, that it takes; measured
SHARE = 0.02  # of the loop's time that more looks than these may take


class Pace:
    """Says which steps are sampled."""

    def __init__(self, every: int | None, budget: float | None) -> None:
        if every is not None and (not isinstance(every, int) or isinstance(every, bool) or every < 1):
            raise SetupError(f"every must be a whole number of steps from 1 on, got {every!r}")
        if every is not None and budget is not None:
            raise SetupError("every and budget exclude each other: a budget chooses every by itself")
        self._every = every or 1
        self.budget = budget
        self.looked = 0  # steps that were sampled
        self._thins_out = every is None and budget is None
        self._began: float | None = None  # when the first update was over, in seconds of this thread
        self._looking = 0.0  # seconds that watching took in sampled steps
        self._level = self._spread = 0.0  # about where losses are, and how far from there
        self._met = 0  # losses
        self._lost = False  # the last one was not finite
        self._jumps = 0  # looks that came because it left there
        self._costs: deque[float] = deque(maxlen=KEPT)  # seconds that watching took in a sampled step
        self._bare: deque[float] = deque(maxlen=KEPT)  # seconds of a step without what watching took
        self._spent = 0.0
        self._next = self._steps = 0

    @property
    def every(self) -> int:
        """Steps from one look to the next; over the whole run, where that changes."""
        return max(1, round(self._steps / max(1, self.looked))) if self._thins_out else self._every

    @property
    def of_each(self) -> bool:
        """Whether every step is sampled."""
        return self._every == 1 and self.budget is None and not self._thins_out

    def due(self, step: int) -> bool:
        """Whether this step is sampled. Under a budget the first steps are sampled by turns, to learn what it costs."""
        if self._thins_out:
            return step < DENSE or step >= self._next
        if self.budget is None:
            return step % self._every == 0
        if len(self._costs) < FEWEST or len(self._bare) < FEWEST:
            return step % 2 == 0
        return step >= self._next

    def coming(self, step: int) -> int:
        """Before which step from this one on none is sampled, as things stand."""
        if self._thins_out:
            return step if step < DENSE else max(step, self._next)
        return step if self.budget is not None else -(-step // self._every) * self._every

    def passed(self, step: Step, spent: float) -> None:
        """An update is over.

        Args:
            spent: seconds that watching took so far, in all.
        """
        cost, self._spent = spent - self._spent, spent
        self._steps = step.step + 1
        self.looked += step.sampled
        if self._thins_out and step.sampled:
            self._thin_out(step, cost)
        if self.budget is None or step.seconds is None or step.step == 0:  # the first is slow for reasons of its own
            return
        if step.sampled:
            self._costs.append(cost)
        else:
            self._bare.append(max(0.0, step.seconds - cost))
        if step.sampled and min(len(self._costs), len(self._bare)) >= FEWEST:
            self._choose(step.step)

    def _thin_out(self, step: Step, cost: float) -> None:
        """When the next look comes: more and more seldom, but sooner where there is time for it."""
        self._looking += cost
        now = time.thread_time()  # where the loop waits, for data or for its turn, there is no more time to look
        if self._began is None:
            self._began = now
        bare = now - self._began - self._looking
        each = max(bare, 0.0) / max(1, step.step)
        usual = self._looking / self.looked
        missing = WHOLE * (self._looking + usual) / SHARE - bare  # seconds of the loop until there is time for another
        later = math.ceil(missing / each) if each else LONGEST
        self._next = step.step + max(1, min(later, math.ceil(GROWS * step.step) - step.step))

    def startled(self, loss: float) -> bool:
        """Whether a loss that is about to be descended is far above where losses were, or not finite, so that its update is worth a look."""
        level, spread = self._level, self._spread
        away = loss - level
        if self._met >= LONG and LOWEST < away <= JUMP * spread:  # as of most losses; nor is it lost
            self._spread = spread + NEWEST * (abs(away) - spread)
            self._level = level + NEWEST * away
            self._lost = False
            return False
        if not self._thins_out:
            return False
        lost, self._lost = self._lost, not math.isfinite(loss)
        far = (self._lost and not lost) or (self._met >= SETTLED and loss > self._level + JUMP * self._spread)
        if math.isfinite(loss):
            share = max(NEWEST, 1 / (self._met + 1))
            self._spread += share * (abs(away) - self._spread) if self._met else 0.0
            self._level += share * away
            self._met += 1
        if not far or self._jumps >= JUMPS:
            return False
        self._jumps += 1
        return True

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
        self._every = min(LONGEST, max(1, wanted))
        self._next = step + self._every
