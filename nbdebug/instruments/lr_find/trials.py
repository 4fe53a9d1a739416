"""Short trainings decide between rates: the sweep says where to begin, and they climb from there."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

from nbdebug.errors import StepError
from nbdebug.instruments.lr_find.attempts import Repeat, blown_up, updates
from nbdebug.instruments.lr_find.groups import Groups
from nbdebug.instruments.lr_find.result import Sweep, Trial
from nbdebug.training_setup import TrainingSetup

PER_DECADE = 4  # rates that can be suggested: 1, 1.8, 3.2, 5.6, 10; our choice, a training hardly tells nearer ones apart
STRIDES = (2, 1)  # of the climb, in such rates
LATE = 1 / 3  # of a trial, the end that is compared
HOPELESS = 10.0  # times the loss at the start, above it, where a trial is given up; a wild beginning may come down again
BELOW_LOWEST = 2  # how far under the lowest point of the sweep the climb begins; in such rates
MOST_TRIALS = 20  # in a repeat; our choice, enough for the whole of the usual range in strides

Score = tuple[bool, float]


def rate_of(place: int) -> float:
    """10 to the power of place / 4."""
    return 10.0 ** (place / PER_DECADE)


def place_of(rate: float) -> int:
    return round(PER_DECADE * math.log10(rate))


def beginning(sweep: Sweep) -> int:
    """The place where the climb begins."""
    return place_of(sweep.lowest or sweep.rates[-1]) - BELOW_LOWEST


def climb(
    setup: TrainingSetup, repeat: Repeat, groups: Groups, start: int, places: range, steps: int
) -> Iterator[Trial]:
    """One trial after the other, towards lower losses, in strides and then in steps."""
    tried: dict[int, Score] = {}
    best = min(max(start, places[0]), places[-1])
    yield from _asked(setup, repeat, groups, best, tried, steps)
    for stride in STRIDES:
        moved = True
        while moved and len(tried) < MOST_TRIALS:
            moved = False
            for side in (best + stride, best - stride):
                if side in places and side not in tried:
                    yield from _asked(setup, repeat, groups, side, tried, steps)
                if side in tried and (tried[side], side) < (tried[best], best):  # of two that are equal, the lower rate
                    best, moved = side, True
                    break


def _asked(setup: TrainingSetup, repeat: Repeat, groups: Groups, place: int, tried: dict[int, Score], steps: int) -> Iterator[Trial]:
    done = trial(setup, repeat, groups, rate_of(place), steps)
    tried[place] = (done.loss is None, float(place) if done.loss is None else -done.gain)  # of two that diverged, the lower rate
    yield done


def trial(setup: TrainingSetup, repeat: Repeat, groups: Groups, rate: float, steps: int) -> Trial:
    """So many updates at one rate."""
    losses: list[float] = []
    late = steps + 1 - max(2, round(LATE * (steps + 1)))
    still = math.fsum(repeat.still[late : steps + 1]) / (steps + 1 - late)
    with contextlib.closing(updates(setup, repeat, groups, [rate] * steps)) as attempt:
        try:
            for step, loss in enumerate(attempt):
                said = blown_up(repeat, step, loss, HOPELESS)
                if said:
                    return Trial(repeat.number, rate, step, None, still, said=f"{said} after {step} update{'s' * (step != 1)}")
                losses.append(loss)
        except StepError as error:
            return Trial(repeat.number, rate, len(losses), None, still, said=str(error))
    gained = [repeat.still[step] - losses[step] for step in range(late, steps + 1)]
    mean = math.fsum(gained) / len(gained)
    error = math.sqrt(math.fsum((g - mean) ** 2 for g in gained) / (len(gained) - 1) / len(gained))
    return Trial(repeat.number, rate, steps, still - mean, still, error)
