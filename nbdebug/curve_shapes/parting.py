"""Validation against training: where a curve that should fall turned, and whether the other one fell on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nbdebug.curve_shapes.trend import SURE, agreement, error, middle, noise, smooth

POINTS = 8  # of a validation loss, below which it has no trend; our choice
BETTER = 0.9  # of the training loss where validation was best, that it must have come down to since; our choice
RISING = 4  # values after the best one, and a third of all, before a rise is a trend; our choice: patience is often 3 to 10
WORSE = 1.15  # times the best value; our choice: below it, stopping there or not makes no difference to speak of
AGREES = 0.5  # Kendall's tau of the rise; our choice: 0.5 is three pairs of four


@dataclass(frozen=True)
class Parting:
    """Validation loss and training loss go apart."""

    best: int  # position of the best validation loss
    lowest: float  # validation loss there, and at the end
    worst: float
    before: float  # training loss there, and at the end
    after: float


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
