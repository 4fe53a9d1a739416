"""What a curve does: its levels, its noise, whether it fell, since when it stands or rises, how often it went up and away.

Everything is judged by medians against the curve's own noise, so that a few wild values decide nothing.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SURE = 3.0  # standard errors beyond which a difference is no noise; our choice
TELLING = 0.01  # share of its level by which a curve must move to have moved; our choice
WINDOW = 5  # values in a running median
PLATEAU = 0.5  # share of a curve that it must stand still for a plateau; our choice
POINTS = 8  # of a validation loss, below which it has no trend; our choice
BETTER = 0.9  # of the training loss where validation was best, that it must have come down to since; our choice
RISING = 4  # values after the best one, and a third of all, before a rise is a trend; our choice: patience is often 3 to 10
WORSE = 1.15  # times the best value; our choice: below it, stopping there or not makes no difference to speak of
AGREES = 0.5  # Kendall's tau of the rise; our choice: 0.5 is three pairs of four
MATCHES = 0.02  # relative difference up to which a loss function's value is the loss; our choice: a weight of 0.98 may pass
SPIKE = 2.5  # times the best level before; our choice: noise of small batches stays below in running medians
LASTING = 3  # values in a row; single ones are hard batches
FOR_GOOD = 0.1  # share of the curve that an excursion without return must last; our choice


@dataclass(frozen=True)
class Parting:
    """Validation loss and training loss go apart."""

    best: int  # position of the best validation loss
    lowest: float  # validation loss there, and at the end
    worst: float
    before: float  # training loss there, and at the end
    after: float


@dataclass(frozen=True)
class Excursion:
    """A curve that had been low, went up, and stayed there for a while."""

    first: int  # positions in the curve
    last: int
    top: float
    before: float  # the best level it had reached
    returned: bool


def middle(values: Sequence[float]) -> float:
    """Their median; NaN for none."""
    return statistics.median(values) if values else math.nan


def begin(values: Sequence[float]) -> float:
    """The level it began with: the first value, of a long curve the median of the first few."""
    return middle(values[: max(1, min(WINDOW, len(values) // 50))])


def end(values: Sequence[float], share: float = 0.2) -> float:
    """The level it ended with."""
    return middle(values[-max(3, round(share * len(values))) :])


def noise(values: Sequence[float]) -> float:
    """Standard deviation of one value about its neighbours, by the median; what every slow curve has is left out."""
    bends = [abs(b - (a + c) / 2) for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return 1.4826 * middle(bends) / math.sqrt(1.5) if bends else 0.0


def error(values: Sequence[float], of: int) -> float:
    """Standard error of a median over `of` of these values."""
    return 1.25 * noise(values) / math.sqrt(max(1, of))


def change(values: Sequence[float]) -> float:
    """From the median of the first third to that of the last."""
    third = max(1, len(values) // 3)
    return middle(values[-third:]) - middle(values[:third])


def is_telling(values: Sequence[float], moved: float) -> bool:
    """Whether a change between thirds of a curve is more than its noise, and more than a trifle."""
    third = max(1, len(values) // 3)
    return abs(moved) > max(SURE * math.sqrt(2) * error(values, third), TELLING * abs(middle(values[:third])))


def fell(values: Sequence[float]) -> bool:
    moved = change(values)
    return moved < 0 and is_telling(values, moved)


def rose(values: Sequence[float]) -> bool:
    moved = change(values)
    return moved > 0 and is_telling(values, moved)


def agreement(values: Sequence[float]) -> float:
    """Kendall's tau of a curve with time: 1 for a steady rise, −1 for a steady fall, 0 for neither."""
    values = values[:: 1 + len(values) // 200]
    pairs = [(b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1 :]]
    return sum(pairs) / len(pairs) if pairs else 0.0


def flat_since(values: Sequence[float], pieces: int = 20) -> int | None:
    """The earliest position from which on it neither falls nor rises, to the end; None when it moves to the end."""
    for piece in range(pieces):
        first = piece * len(values) // pieces
        rest = values[first:]
        if len(rest) < 4 * WINDOW:
            return None
        halves = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        if not any(is_telling(part, change(part)) for part in (rest, *halves)):
            return first
    return None


def smooth(values: Sequence[float], window: int = WINDOW) -> list[float]:
    """A running median over this many values, centred."""
    half = window // 2
    return [middle(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]


def excursions(values: Sequence[float], times: float, lasting: int) -> list[Excursion]:
    """Each time the running median rose to so many times the best level before, for at least so many values.

    An excursion is over when it came back more than half of the way.
    """
    level, best, found = smooth(values), math.inf, []
    spread, first = noise(values), None
    for i, value in enumerate(level):
        if first is None:
            if i >= 2 * WINDOW and value > times * best and value > best + 6 * spread:
                first = i
            else:
                best = min(best, value)
        elif value < (1 + times) / 2 * best:
            found.append(Excursion(first, i - 1, max(level[first:i]), best, True))
            first, best = None, min(best, value)
    if first is not None:
        found.append(Excursion(first, len(level) - 1, max(level[first:]), best, False))
    return [e for e in found if e.last - e.first + 1 >= lasting]


def plateau_since(values: Sequence[float]) -> int | None:
    """Where a plateau began that lasts for half of the curve, to its end; what fell in the first few values fell."""
    first = flat_since(values)
    return None if first is None or first > (1 - PLATEAU) * len(values) else max(first, WINDOW)


def turning_point(values: Sequence[float]) -> int | None:
    """Where a curve that should fall was best, if it has risen ever since, beyond its noise; None where it has not."""
    if not values or not all(map(math.isfinite, values)):
        return None
    level = smooth(values, 3)
    best = min(range(len(level)), key=level.__getitem__)
    after = values[best:]
    if len(after) - 1 < max(RISING, len(values) / 3) or level[best] <= 0:
        return None
    worst = middle(after[-3:])
    wavers = noise(values)
    above = min(after[-max(RISING, len(after) // 2) :]) >= WORSE * level[best] and worst - level[best] > 8 * wavers
    steady = agreement(after) >= AGREES or above
    return best if steady and worst >= WORSE * values[best] and worst - values[best] > 4 * wavers else None


def levels_at(steps: Sequence[float], values: Sequence[float], *when: float) -> list[float]:
    """The levels of a curve just before these steps; NaN where there was nothing yet."""
    pairs = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value)]
    width = max(3, len(pairs) // 20)
    return [middle([value for step, value in pairs if step < then][-width:]) for then in when]


def parting(validation_steps: Sequence[float], validation: Sequence[float], steps: Sequence[float], training: Sequence[float]) -> Parting | None:
    """Overfitting: the validation loss has risen since its best point, and the training loss fell all the time."""
    best = turning_point(validation)
    if best is None:
        return None
    before, after = levels_at(steps, training, validation_steps[best], validation_steps[-1])
    noisy = SURE * math.sqrt(2) * error([v for v in training if math.isfinite(v)], max(3, len(training) // 20))
    if not after <= BETTER * before or before - after <= noisy:  # also where one of them is unknown
        return None
    return Parting(best, validation[best], middle(validation[-3:]), before, after)


def lost_since(values: Sequence[float]) -> int | None:
    """The position from which on it is not finite, to the end; None when it is finite, or came back."""
    first = next((i for i, value in enumerate(values) if not math.isfinite(value)), None)
    if first is None:
        return None
    after = values[first:]
    return first if sum(not math.isfinite(value) for value in after) >= 0.9 * len(after) else None


def thrown_back(values: Sequence[float]) -> list[Excursion]:
    """Each time it was thrown back to a multiple of its best level."""
    return excursions(values, SPIKE, LASTING)


def is_for_good(excursion: Excursion, values: Sequence[float]) -> bool:
    """Whether a curve did not come back from it, and had the time to."""
    return not excursion.returned and excursion.last - excursion.first >= FOR_GOOD * len(values)


def is_made_of(steps: Sequence[float], values: Sequence[float], calls: Sequence[tuple[int, float, float]]) -> bool:
    """Whether these calls of a loss function (step, value, …) gave what this curve shows."""
    descended = dict(zip(steps, values, strict=True))
    pairs = [(loss, descended[step]) for step, loss, *_ in calls if step in descended]
    if not pairs:
        return False
    if len({step for step, *_ in calls}) < len(calls):  # accumulated: the mean of a step's calls is what was descended
        of_calls, of_steps = (sum(pair[i] for pair in pairs) / len(pairs) for i in (0, 1))
        return math.isclose(of_calls, of_steps, rel_tol=5 * MATCHES)
    close = [math.isclose(loss, value, rel_tol=MATCHES) or not math.isfinite(value) for loss, value in pairs]
    return sum(close) >= 0.9 * len(close)
