"""Why the samples are memorised with our optimizer and not with the user's: its learning rate of now, or its weight decay."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from torch import Tensor

from nbdebug.coming_rates import coming_rates, set_rate, warms_up
from nbdebug.counterfactual import trainable
from nbdebug.findings import Location
from nbdebug.instruments.overfit.attempts import Step, Task, rates, users_step
from nbdebug.instruments.overfit.experiment import experiment
from nbdebug.instruments.overfit.result import Blocker, Trial
from nbdebug.instruments.overfit.verdict import HALF
from nbdebug.stepping import kinds
from nbdebug.training_setup import TrainingSetup

STRIDES = (10.0, 100.0, 1e3, 1e4, 1e5, 1e6)  # times the user's learning rate, or divided by it where the loss rose
SENSIBLE = (1e-5, 1.0)  # learning rates beyond these are not tried


def at_coming_rate(setup: TrainingSetup) -> list[tuple[str, Callable[[], Step]]]:
    """The user's optimizer at the rate that its schedule reaches, where it now stands far below it."""
    if not warms_up(setup):
        return []

    def stepper() -> Step:
        for group, rate in coming_rates(setup):
            set_rate(group, rate)
        return users_step(setup)()

    return [(f"your {kinds(setup)} at the rate of its schedule, {rates(setup)}", stepper)]


def why_not_with_it(task: Task, trial: Trial, until: float) -> Iterator[Trial]:
    """Tries the user's own optimizer without weight decay, then at other learning rates, until it memorises too."""
    best = trial.best
    if best is None or not best.memorised or best.optimizer.startswith("your"):
        return
    task, name = replace(task, reference=trial.start), kinds(task.setup)
    if _holds_none(task.setup):
        said, advice = f"your {name} holds none of the model's weights", f"make {name} of the parameters that this model has now"
        yield replace(trial, reason=f"memorised with {best.optimizer}, but {said}", blocker=Blocker(said, Location(detail="the optimizer"), advice))
        return
    for change, said, apply in _changes(task.setup, trial):
        if time.perf_counter() >= until:
            return
        tried = experiment(task, f"your {name} {said}", apply, users_step(task.setup), until)
        trial = replace(trial, experiments=(*trial.experiments, tried))
        if tried.memorised:
            helped = f"your {name} memorises them {said}, in {tried.steps} steps"
            trial = replace(trial, reason=f"memorised with {best.optimizer} but not with your {name} at {rates(task.setup)}; {helped}")
            if change == "weight_decay" and trial.attempts[0].progress < HALF:
                said = f"{helped}, and comes down to {trial.attempts[0].losses[-1]:.3g} with it"
                trial = replace(trial, blocker=Blocker(said, _decayed(task.setup), "lower weight_decay, or leave it out until the samples are memorised"))
        yield trial
        if tried.memorised:
            return


def _changes(setup: TrainingSetup, trial: Trial) -> Iterator[tuple[str, str, Callable[[Task], Callable[[], Tensor]]]]:
    """Which option, the change in words, and what makes it."""
    if any(group.get("weight_decay") for o in setup.optimizers for group in o.param_groups):
        yield "weight_decay", "without weight decay", lambda task: _with_options(task, weight_decay=0.0)
    if any(group.get("maximize") for o in setup.optimizers for group in o.param_groups):
        yield "maximize", "with maximize=False", lambda task: _with_options(task, maximize=False)
    losses = trial.attempts[0].losses
    worse = not all(map(math.isfinite, losses)) or losses[-1] > losses[0]
    now = max((rate for _, rate in coming_rates(setup)), default=0.0)
    for factor in (1 / stride if worse else stride for stride in STRIDES):
        if SENSIBLE[0] <= now * factor <= SENSIBLE[1]:
            yield "lr", f"at lr={rates(setup, factor)}", lambda task, factor=factor: _with_options(task, lr=factor)


def _with_options(task: Task, *, lr: float = 1.0, **options: float | bool) -> Callable[[], Tensor]:
    """The loss, after the borrowed optimizers got other options; `lr` is a factor."""
    for group, rate in coming_rates(task.setup):
        set_rate(group, rate * lr)
    for group in (group for optimizer in task.setup.optimizers for group in optimizer.param_groups):
        for option, value in options.items():
            if option in group:
                group[option] = group[option].new_tensor(value) if isinstance(group[option], Tensor) else value
    return task.loss


def _holds_none(setup: TrainingSetup) -> bool:
    """Whether no weight of the model is in a group of any optimizer."""
    held = {id(p) for o in setup.optimizers for group in o.param_groups for p in group["params"]}
    return not any(id(p) in held for _, p in trainable(setup.model))


def _decayed(setup: TrainingSetup) -> Location:
    """The group with the largest weight decay."""
    groups = [(float(g.get("weight_decay") or 0.0), n) for o in setup.optimizers for n, g in enumerate(o.param_groups)]
    largest, number = max(groups)
    return Location(detail=f"optimizer group {number}, weight_decay={largest:g}")
