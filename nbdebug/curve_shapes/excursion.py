"""A curve that had been low, goes up, and stays there for a while, or leaves the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nbdebug.curve_shapes.trend import WINDOW, begin, noise, smooth

SPIKE = 2.5  # times the best level before; our choice: noise of small batches stays below in running medians
TRIFLE = 0.05  # of the first level; what stays below it wavers about zero; our choice
LASTING = 3  # values in a row; single ones are hard batches
FOR_GOOD = 0.1  # share of the curve that an excursion without return must last; our choice


@dataclass(frozen=True)
class Excursion:
    """A curve that had been low, went up, and stayed there for a while."""

    first: int  # positions in the curve
    last: int
    top: float
    before: float  # the best level it had reached
    returned: bool


def excursions(values: Sequence[float], times: float, lasting: int) -> list[Excursion]:
    """Each time the running median rose to so many times the best level before, for at least so many values.

    Next to zero a multiple says nothing, so it must have risen by more than its noise and a trifle of where it began as well. An excursion
    is over when it came back more than half of the way.
    """
    level, best, found = smooth(values), math.inf, []
    least, first = max(6 * noise(values), TRIFLE * abs(begin(values))), None
    for i, value in enumerate(level):
        rise = max((times - 1) * abs(best), least)  # from the best level
        if first is None:
            if i >= 2 * WINDOW and value > best + rise:
                first = i
            else:
                best = min(best, value)
        elif value < best + rise / 2:
            found.append(Excursion(first, i - 1, max(level[first:i]), best, True))
            first, best = None, min(best, value)
    if first is not None:
        found.append(Excursion(first, len(level) - 1, max(level[first:]), best, False))
    return [e for e in found if e.last - e.first + 1 >= lasting]


def thrown_back(values: Sequence[float]) -> list[Excursion]:
    """Each time it was thrown back to a multiple of its best level."""
    return excursions(values, SPIKE, LASTING)


def is_for_good(excursion: Excursion, values: Sequence[float]) -> bool:
    """Whether a curve did not come back from it, and had the time to."""
    return not excursion.returned and excursion.last - excursion.first >= FOR_GOOD * len(values)


def lost_since(values: Sequence[float]) -> int | None:
    """The position from which on it is not finite, to the end; None when it is finite, or came back."""
    first = next((i for i, value in enumerate(values) if not math.isfinite(value)), None)
    if first is None:
        return None
    after = values[first:]
    return first if sum(not math.isfinite(value) for value in after) >= 0.9 * len(after) else None
