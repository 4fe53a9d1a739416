"""Which learning rate to begin with: a sweep on borrowed weights, then short trainings that decide, both repeated."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from nbdebug.errors import SetupError
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.lr_find.attempts import Repeat, stand_still, updates
from nbdebug.instruments.lr_find.groups import Groups, demand_rates
from nbdebug.instruments.lr_find.planning import Plan, planned
from nbdebug.instruments.lr_find.pool import endless, pool
from nbdebug.instruments.lr_find.probe import obstacle
from nbdebug.instruments.lr_find.result import Asked, LrFind
from nbdebug.instruments.lr_find.sweeping import exponential, sweep
from nbdebug.instruments.lr_find.trials import PER_DECADE, beginning, climb, trial
from nbdebug.instruments.lr_find.verdict import band, limits, suggested, why_none
from nbdebug.training_setup import TrainingSetup

WARM_UP = 3  # steps that are timed, the first of them not


@dataclass
class _Clock:
    started: float
    budget: float | None
    step: float = 0.0  # seconds that one takes

    @property
    def left(self) -> float:
        return math.inf if self.budget is None else self.started + self.budget - time.perf_counter()

    def allows(self, steps: int) -> bool:
        return steps * self.step <= self.left


@instrument("train_loader", "optimizer", trains=True, title="learning rates", level="optimisation", result=LrFind)
def lr_find(
    setup: TrainingSetup,
    *,
    min_lr: float = 1e-7,
    max_lr: float = 10.0,
    num_steps: int = 100,
    repeats: int = 3,
    budget: float | None = 25.0,
) -> Iterator[LrFind]:
    """Which learning rate to begin with? A sweep says where to look, short trainings decide.

    Each repeat has batches and random numbers of its own: a sweep from `min_lr` to `max_lr`, an update a rate, until the loss is
    out of bounds; then some 40 steps at one rate after the other around the lowest point of it, each from the weights as they
    are. Your own optimizers step, through your precision and scaler; groups keep the ratios of their rates, schedulers stand
    still. What your loop does between backward and step, such as clipping, is not part of it.

    Args:
        min_lr: where the sweep begins, for the group with the highest rate.
        max_lr: where it ends.
        num_steps: updates of the sweep.
        repeats: how often all of it is done, with other batches; the band comes from them.
        budget: seconds; where a step is dear, trials are shorter and repeats fewer.
    """
    _demand_range(min_lr, max_lr)
    demand_at_least(10, num_steps=num_steps)
    demand_at_least(1, repeats=repeats)
    demand_rates(setup)
    clock, groups = _Clock(time.perf_counter(), budget), Groups(setup)
    result = LrFind(
        rate=groups.now, peak=groups.peak, per_group=groups.described(), scheduled=groups.scheduled, trained=groups.trained,
        asked=Asked(min_lr, max_lr, num_steps, repeats),
    )  # fmt: skip
    given = endless(setup.train_loader)
    held = pool(given, 1, math.inf)
    reason = obstacle(setup, held[0])
    if reason:
        yield replace(result, reason=reason, settled=True)
        return
    clock.step = _step_seconds(setup, groups, held, min_lr)
    plan = planned(num_steps, repeats, step_seconds=clock.step, seconds=clock.left)
    needed = plan.fewest * clock.step
    if needed > clock.left:
        words = f"a step takes {clock.step:.2g} s, and the {plan.fewest:.0f} that a search needs take {needed:.0f} s: pass a larger budget"
        yield replace(result, reason=words, settled=True)
        return
    for number in range(plan.repeats):
        held = pool(given, plan.batches, time.perf_counter() + clock.left / 4) or held
        for fuller in _repeat(setup, Repeat(number, held), groups, plan, result, clock):
            result = fuller
            yield result
        if len(result.sweeps) <= number or not clock.allows(plan.sweep):
            break
    yield replace(result, settled=True)


def _repeat(setup: TrainingSetup, repeat: Repeat, groups: Groups, plan: Plan, result: LrFind, clock: _Clock) -> Iterator[LrFind]:
    """One repeat; the result grows with every sweep and trial."""
    stand_still(setup, repeat, plan.batches)
    odd = next((step for step, loss in enumerate(repeat.still) if not math.isfinite(loss)), None)
    if odd is not None:
        yield _refused(result, groups, f"the loss of another batch is {repeat.still[odd]} before any update: nbdebug.find_nan says where that is born")
        return
    rates, earlier = exponential(result.asked.min_lr, result.asked.max_lr, plan.sweep), result.sweeps
    for swept in sweep(setup, repeat, groups, rates):
        result = replace(result, sweeps=(*earlier, swept))
        yield result
    places = range(math.ceil(PER_DECADE * math.log10(rates[0])), math.floor(PER_DECADE * math.log10(rates[-1])) + 1)
    for tried in climb(setup, repeat, groups, beginning(result.sweeps[-1]), places, plan.trial):
        result = _judged(replace(result, trials=(*result.trials, tried)), groups)
        yield result
        if not clock.allows(plan.trial):
            return
    own = _own_rate(result)
    if own is not None:
        yield replace(result, own=(*result.own, trial(setup, repeat, groups, own, plan.trial)))


def _judged(result: LrFind, groups: Groups) -> LrFind:
    """With the suggestion that its trials support, or the reason for none."""
    reason = why_none(result.trials, result.asked)
    if reason:
        return _refused(result, groups, reason)
    suggestion, (low, high) = suggested(result.trials, result.asked), band(result.trials, result.asked)
    return replace(
        result, suggestion=suggestion, low=low, high=high, reason="", limits=limits(result.trials, result.asked),
        per_group=groups.described(suggestion),
    )  # fmt: skip


def _refused(result: LrFind, groups: Groups, reason: str) -> LrFind:
    return replace(result, suggestion=None, low=None, high=None, reason=reason, limits=(), per_group=groups.described())


def _own_rate(result: LrFind) -> float | None:
    """The user's rate that is tried: the top of its schedule where even that is low, else as it stands."""
    if result.suggestion is None:
        return None
    return (result.peak if result.peak < result.low else result.rate) or None


def _step_seconds(setup: TrainingSetup, groups: Groups, batches: list[Any], rate: float) -> float:
    """Of one update, the first not counted."""
    moments = []
    with contextlib.closing(updates(setup, Repeat(0, batches), groups, [rate] * WARM_UP)) as attempt:
        for _ in attempt:
            moments.append(time.perf_counter())
    return (moments[-1] - moments[1]) / (WARM_UP - 1)


def _demand_range(low: float, high: float) -> None:
    good = all(isinstance(rate, (int, float)) and math.isfinite(rate) and rate > 0 for rate in (low, high))
    if not good or low >= high:
        raise SetupError(f"a sweep goes from a rate above 0 up to a higher one, got min_lr={low!r} and max_lr={high!r}")
