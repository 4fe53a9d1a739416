"""The sweep: an update a rate, from the lowest to the highest, until the loss is out of bounds."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

from nbdebug.errors import StepError
from nbdebug.instruments.lr_find.attempts import Repeat, blown_up, scale, updates
from nbdebug.instruments.lr_find.curve import diverges_from, smoothed
from nbdebug.instruments.lr_find.groups import Groups
from nbdebug.instruments.lr_find.result import Sweep
from nbdebug.training_setup import TrainingSetup

BLOWN_UP = 3.0  # times the loss at the start, above it, where a sweep ends: fastai and Lightning end at four times the lowest loss
EVERY = 10  # steps between two pictures of a sweep under way
UNDER_WAY = "under way"


def exponential(low: float, high: float, steps: int) -> list[float]:
    return [low * (high / low) ** (i / (steps - 1)) for i in range(steps)]


def sweep(setup: TrainingSetup, repeat: Repeat, groups: Groups, rates: list[float]) -> Iterator[Sweep]:
    """Ever longer sweeps, the last of them complete."""
    losses: list[float] = []
    stopped = ""
    with contextlib.closing(updates(setup, repeat, groups, rates)) as attempt:
        try:
            for step, loss in enumerate(attempt):
                if step:  # the first is from before any update
                    losses.append(loss)
                    stopped = blown_up(repeat, step, loss, BLOWN_UP)
                if stopped:
                    break
                if step and step % EVERY == 0:
                    yield _described(repeat, rates, losses, UNDER_WAY)
        except StepError as error:  # with the weights as they are these batches raised nothing: so do distributions that are given a NaN
            stopped = str(error)
    yield _described(repeat, rates, losses, stopped)


def _described(repeat: Repeat, rates: list[float], losses: list[float], stopped: str) -> Sweep:
    taken = tuple(rates[: len(losses)])
    size = scale(repeat)
    raw = [min(repeat.excess(step, loss), size) for step, loss in enumerate(losses, 1)]  # cut, or the last would raise all before it
    excess = smoothed(raw)
    if raw and not math.isfinite(raw[-1]):
        excess = (*excess[:-1], math.nan)
    ended = bool(stopped) and stopped != UNDER_WAY
    start = math.fsum(repeat.still) / len(repeat.still)
    return Sweep(repeat.number, taken, tuple(losses), start, excess, stopped, diverges_from(taken, excess, blew_up=ended))
