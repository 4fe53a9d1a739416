"""The learning rates that a training is going to reach: a schedule may begin far below them, to warm up."""

from __future__ import annotations

import copy
import math
import time
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.training_setup import TrainingSetup

WARMING = 0.1  # of the rate that it reaches; an optimizer below it stands at the beginning, or the end, of a schedule
NOTED = ("initial_lr", "max_lr")  # in a group: a scheduler notes the first, OneCycleLR the second
STEPS, SECONDS = 10_000, 0.2  # of a schedule, that are read in advance: warm-ups of transformers have 4,000 and more

Group = dict[str, Any]


def coming_rates(setup: TrainingSetup) -> list[tuple[Group, float]]:
    """Every group with a learning rate, and the one that its schedule goes up to; that of now, where it does not stand far below."""
    found = []
    for optimizer in setup.optimizers:
        tops = _read_in_advance(setup, optimizer)
        for number, group in enumerate(optimizer.param_groups):
            if "lr" in group:
                now = float(group["lr"])
                top = tops[number] if tops is not None else max((float(group[key]) for key in NOTED if isinstance(group.get(key), (int, float, Tensor))), default=now)
                found.append((group, top if now < WARMING * top else now))
    return found


def warms_up(setup: TrainingSetup) -> bool:
    """Whether some group stands far below the rate that it will reach."""
    return any(float(group["lr"]) < rate for group, rate in coming_rates(setup))


def set_rate(group: Group, rate: float) -> None:
    """Gives a group a rate; one that is a tensor stays one."""
    group["lr"] = group["lr"].new_tensor(rate) if isinstance(group["lr"], Tensor) else rate


def _read_in_advance(setup: TrainingSetup, optimizer: Optimizer) -> list[float] | None:
    """The highest rate of each group over the steps to come, of copies; None where no schedule can be read, it is over, or its top lies beyond what was read."""
    mine = [scheduler for scheduler in setup.schedulers if getattr(scheduler, "optimizer", None) is optimizer]
    if len(mine) != 1:
        return None
    try:
        stand_in = _stand_in(optimizer)
        now = _rates(stand_in)
        tops = _tops(copy.deepcopy(mine[0], {id(optimizer): stand_in, id(setup.model): setup.model}), stand_in)
        begins = getattr(mine[0], "last_epoch", None) == 0
        return tops if tops is not None and (begins or tops != now) else None  # one that is over goes nowhere
    except Exception:  # one that wants a metric, or holds what cannot be copied
        return None


def _stand_in(optimizer: Optimizer) -> Optimizer:
    """An optimizer of nothing, with the same options in its groups."""
    groups = [{key: copy.deepcopy(value) for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    stand_in = torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))]} for _ in groups], lr=0.0)
    for group, options in zip(stand_in.param_groups, groups, strict=True):
        group.update(options)
    return stand_in


def _tops(scheduler: Any, optimizer: Optimizer) -> list[float] | None:
    until, seen = time.perf_counter() + SECONDS, [_rates(optimizer)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no optimizer steps in between
        while len(seen) < STEPS and time.perf_counter() < until:
            try:
                scheduler.step()
            except ValueError:  # OneCycleLR says so where it ends
                break
            seen.append(_rates(optimizer))
        else:
            if any(last >= max(column) > min(column) for *column, last in zip(*seen, strict=True)):
                return None  # it rises still
    tops = [max(column) for column in zip(*seen, strict=True)]
    return tops if all(map(math.isfinite, tops)) else None


def _rates(optimizer: Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]
