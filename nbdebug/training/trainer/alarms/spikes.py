"""Whether a finite number stands out: a loss that is thrown back behind its beginning, a gradient longer than is endured."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

FIRST = 10  # steps that say where the loss began, and
LATE = 100  # that say where it stands now; our choice: an epoch or a part of one
ENOUGH = 30  # of them before anything is judged
NORMAL = 1.4826  # the median of absolute deviations of a normal distribution is its σ divided by this


@dataclass(frozen=True)
class Spike:
    """A loss far above the late ones and above those of the beginning."""

    loss: float
    late: float  # median of the late steps
    spread: float  # their median absolute deviation, as a σ
    first: float  # the largest of the first steps


class Losses:
    """The losses of one rank.

    A loss that stands out by its spread alone is a hard batch, not a fault: late in a training the spread is small. So it must also be worse than
    what the model had before it learnt anything.

    Args:
        limit: spreads above the median.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._first: list[float] = []
        self._highest = math.inf  # of these
        self._late: deque[float] = deque(maxlen=LATE)

    def told(self, loss: float) -> Spike | None:
        """One more; whether it is a spike. A spike does not count among the late ones."""
        if not math.isfinite(loss):
            return None
        if len(self._first) < FIRST:
            self._first.append(loss)
            self._highest = max(self._first)
        elif loss > self._highest and len(self._late) >= ENOUGH and (spike := self._judged(loss)) is not None:  # seldom asked, for it does not learn then
            return spike
        self._late.append(loss)
        return None

    def state(self) -> dict[str, list[float]]:
        """What the next loss is compared with, for a checkpoint."""
        return {"first": list(self._first), "late": list(self._late)}

    def restore(self, state: Mapping[str, list[float]] | None) -> None:
        """Goes on with it; None: nobody knows where the loss began, so that nothing is behind its beginning."""
        self._first = [math.inf] * FIRST if state is None else list(state["first"])
        self._highest = max(self._first, default=math.inf)
        self._late = deque(() if state is None else state["late"], maxlen=LATE)

    def _judged(self, loss: float) -> Spike | None:
        in_order = sorted(self._late)
        first, late = self._highest, median(in_order)
        within = (loss - late) / (self._limit * NORMAL)  # at most as far as this from the late ones' median must half of them lie, or more
        if bisect_right(in_order, late + within) - bisect_left(in_order, late - within) < len(in_order) // 2:
            return None
        spread = NORMAL * median(abs(value - late) for value in self._late)
        outside = loss - late > self._limit * max(spread, 1e-3 * abs(late))
        return Spike(loss, late, spread, first) if outside and first > late else None
