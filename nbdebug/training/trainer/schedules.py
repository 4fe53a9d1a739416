"""The learning rate over a training: a warm-up counted in steps, times a shape counted in steps or epochs.

    rates = build_scheduler(config, optimizer, total_steps)
    rates.step()          after each optimizer step that was taken (not after one that a scaler skipped)
    rates.end_epoch()     after each epoch
    rates.judged(value)   after each validation, with the value that `checkpoint.monitor` names

All three are called whatever the type: each schedule does at each of them what its interval asks for. The rate is a function of what was
counted, so that a resumed training goes on with the very numbers.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from nbdebug.errors import ConfigError
from nbdebug.training.config import RunConfig, Scheduler
from nbdebug.training.trainer.own_schedules import OwnSchedules

DIVISOR, FINAL_DIVISOR = 25.0, 1e4  # onecycle: first and last rate under the highest; torch's defaults, after Smith 2018 (arXiv 1708.07120)
NOTICED = 1e-4  # plateau: a relative gain below this is none; torch's default
ENDLESS = ("constant", "step", "multistep", "exponential", "plateau", "restarts")  # shapes that need not know how long the training is


class Schedule:
    """Sets `lr` of every parameter group, in proportion to the rate that the group began with.

    Args:
        schedule: what was configured.
        optimizer: whose rates are set, already at once.
        length: intervals (steps or epochs) until the end of the shape; None: not known.
        warmup: optimizer steps.
        larger_is_better: of the values that a plateau is told.
    """

    def __init__(self, schedule: Scheduler, optimizer: Optimizer, length: int | None = None, warmup: int = 0, *, larger_is_better: bool = False) -> None:
        self.config, self.optimizer, self.length, self.warmup = schedule, optimizer, length, warmup
        self.interval = schedule.interval or "step"
        self.steps = self.epochs = 0
        self.fallen = 1.0  # plateau: what its falls make together
        self.best: float | None = None
        self.waited = 0
        self._sign = -1.0 if larger_is_better else 1.0
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", float(group["lr"]))
        self._set()

    @property
    def counts_steps(self) -> bool:
        """Whether `step` does anything."""
        return True

    def step(self) -> None:
        """After an optimizer step."""
        self.steps += 1
        if self.interval == "step" or self.steps <= self.warmup:
            self._set()

    def end_epoch(self) -> None:
        """After an epoch."""
        self.epochs += 1
        if self.interval == "epoch":
            self._set()

    def judged(self, value: float) -> None:
        """After a validation; a plateau falls when `patience` of them in a row were not better."""
        if self.config.type != "plateau":
            return
        value *= self._sign
        if self.best is None or value < self.best - NOTICED * abs(self.best):  # false for NaN, which is not better
            self.best, self.waited = (value, 0) if not math.isnan(value) else (self.best, self.waited + 1)
        else:
            self.waited += 1
        if self.waited > self.config.patience:
            self.fallen, self.waited = self.fallen * self.config.factor, 0
        self._set()

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("steps", "epochs", "fallen", "best", "waited")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self.state_dict():
            setattr(self, name, state[name])
        self._set()

    def _set(self) -> None:
        counted = self.steps if self.interval == "step" else self.epochs
        shift = self.warmup if self.interval == "step" else 0  # the shape begins where the warm-up ends
        length = max(self.length - shift, 1) if self.length is not None else None
        rate = SHAPES[self.config.type or "constant"](self.config, max(counted - shift, 0), length)
        start = self.config.warmup_start
        warm = min(start + (1 - start) * (self.steps + 1) / self.warmup, 1.0) if self.warmup else 1.0
        highest = max(group["initial_lr"] for group in self.optimizer.param_groups) or 1.0
        for group in self.optimizer.param_groups:
            peak = group["initial_lr"] * ((self.config.max_lr or highest) / highest if self.config.type == "onecycle" else 1.0)
            floor = min(self.config.min_lr, peak)
            lr = warm * (floor + (peak - floor) * rate if self.config.type in INTERPOLATED else max(peak * rate * self.fallen, floor))
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)  # a capturable optimizer holds this very tensor
            else:
                group["lr"] = lr


Shape = Callable[[Scheduler, int, "int | None"], float]


def _share(counted: int, length: int | None) -> float:
    return min(counted / length, 1.0) if length else 0.0


def _cosine(share: float) -> float:
    return (1 + math.cos(math.pi * share)) / 2


def _onecycle(schedule: Scheduler, counted: int, length: int | None) -> float:
    """Up from 1/25 to 1 along a cosine, and down to nearly nothing; the top is at step pct_start * length - 1, as torch has it."""
    last = max((length or 1) - 1, 1)
    top = max(schedule.pct_start * (last + 1) - 1, 0.0)
    low, end = 1 / DIVISOR, 1 / DIVISOR / FINAL_DIVISOR
    if counted < top:
        return 1 - (1 - low) * _cosine(counted / top)
    return end + (1 - end) * _cosine(min((counted - top) / (last - top), 1.0) if last > top else 0.0)


def _restarts(schedule: Scheduler, counted: int, length: int | None) -> float:
    """A cosine that begins anew, each cycle T_mult times as long (Loshchilov and Hutter 2017, arXiv 1608.03983)."""
    cycle = schedule.T_0
    while counted >= cycle:
        counted, cycle = counted - cycle, cycle * schedule.T_mult
    return _cosine(counted / cycle)


SHAPES: dict[str, Shape] = {  # (configuration, intervals since the warm-up, intervals in all) → share of the rate
    "constant": lambda schedule, counted, length: 1.0,
    "linear": lambda schedule, counted, length: 1 - _share(counted, length),
    "cosine": lambda schedule, counted, length: _cosine(_share(counted, length)),
    "polynomial": lambda schedule, counted, length: (1 - _share(counted, length)) ** schedule.power,
    "onecycle": _onecycle,
    "restarts": _restarts,
    "step": lambda schedule, counted, length: (schedule.gamma or 0.1) ** (counted // schedule.step_size),
    "multistep": lambda schedule, counted, length: (schedule.gamma or 0.1) ** bisect.bisect_right(schedule.milestones, counted),
    "exponential": lambda schedule, counted, length: (schedule.gamma or 0.95) ** counted,
    "plateau": lambda schedule, counted, length: 1.0,
}
INTERPOLATED = ("linear", "cosine", "polynomial", "onecycle", "restarts")  # between the rate and min_lr; of the others min_lr is a floor


def build_scheduler(config: RunConfig, optimizer: Optimizer, total_steps: int | None, own: tuple[Any, ...] = ()) -> Schedule | OwnSchedules:
    """The schedule that was configured, or the setup's own.

    Args:
        total_steps: optimizer steps of the whole training; None: not known.
        own: schedulers of the setup; taken as they are when the configuration names no type.

    Raises:
        ConfigError: the shape needs a length that is not known, or the warm-up is longer than the training.
    """
    schedule = config.scheduler
    if schedule is None or (schedule.type is None and own):
        return OwnSchedules(own, config.training.epochs, total_steps, schedule.interval if schedule is not None else None)
    length = schedule.T_max or (total_steps if schedule.interval != "epoch" else config.training.epochs)
    if length is None and schedule.type not in (None, *ENDLESS):
        raise ConfigError(f"scheduler.type is {schedule.type}, which needs to know how long the training is: say training.max_steps or scheduler.T_max")
    share = schedule.warmup_ratio or schedule.warmup_epochs / (config.training.epochs or 1)
    if share and total_steps is None:
        raise ConfigError("the warm-up is a share of a training whose length in steps is not known: say scheduler.warmup_steps")
    warmup = schedule.warmup_steps or math.ceil(share * (total_steps or 0))
    if total_steps is not None and not config.training.fast_dev_run and warmup >= total_steps > 1:
        raise ConfigError(f"scheduler.warmup_steps is {warmup}, and the training has {total_steps} steps: it would end within the warm-up")
    return Schedule(schedule, optimizer, length, warmup, larger_is_better=config.checkpoint.mode == "max")
