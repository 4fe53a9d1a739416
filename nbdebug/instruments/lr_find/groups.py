"""The parameter groups of the user's optimizers: their rates, and how all of them are moved together."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from nbdebug.errors import SetupError
from nbdebug.instruments.lr_find.result import GroupRate
from nbdebug.stepping import needs_closure
from nbdebug.training_setup import TrainingSetup

PEAKS = ("lr", "initial_lr", "max_lr")  # of a group: a scheduler notes the second, OneCycleLR the third


class Groups:
    """Every group with the ratio of its rate to the highest. The ratio is that of the peaks, so that a warm-up that is at 0 keeps it."""

    def __init__(self, setup: TrainingSetup) -> None:
        self._groups = [group for optimizer in setup.optimizers for group in optimizer.param_groups]
        peaks = [_peak(group) for group in self._groups]
        self.peak = max(peaks)
        # all at 0 without a schedule: alike
        self.ratios = [peak / self.peak if self.peak > 0 else 1.0 for peak in peaks]
        self.now = max(_number(group["lr"]) for group in self._groups)
        self.scheduled = bool(setup.schedulers) or any("initial_lr" in group for group in self._groups)
        self.trained = any(optimizer.state for optimizer in setup.optimizers)
        self._named = _named(setup)

    def set(self, rate: float) -> None:
        """Gives the highest group this rate and the others their share. The frame hands the old rates back."""
        for group, ratio in zip(self._groups, self.ratios, strict=True):
            held = group["lr"]
            group["lr"] = held.new_full(held.shape, rate * ratio) if isinstance(held, Tensor) else rate * ratio

    def described(self, suggestion: float | None = None) -> tuple[GroupRate, ...]:
        return tuple(
            GroupRate(
                name, number, sum(p.numel() for p in group["params"]), _number(group["lr"]), _peak(group),
                None if suggestion is None else suggestion * ratio,
            )
            for (name, number, group), ratio in zip(self._named, self.ratios, strict=True)
        )  # fmt: skip


def demand_rates(setup: TrainingSetup) -> None:
    """Raises SetupError unless every group has a rate, and there is something to train."""
    for optimizer in setup.optimizers:
        kind = type(optimizer).__name__
        if needs_closure(optimizer):
            raise SetupError(f"{kind} needs a closure and evaluates the loss several times a step, so a sweep says nothing about its rate")
        for number, group in enumerate(optimizer.param_groups):
            rate = group.get("lr")
            if not isinstance(rate, (int, float, Tensor)) or not math.isfinite(_number(rate)) or _number(rate) < 0:
                raise SetupError(f"group {number} of {kind} has lr={rate!r}: a sweep needs a rate that is a number, 0 or more")
    if not any(group["params"] for optimizer in setup.optimizers for group in optimizer.param_groups):
        raise SetupError("the optimizer has no parameters: pass it model.parameters()")


def _named(setup: TrainingSetup) -> list[tuple[str, int, dict[str, Any]]]:
    several = len(setup.optimizers) > 1
    return [
        (f"{type(optimizer).__name__} {i}" if several else type(optimizer).__name__, number, group)
        for i, optimizer in enumerate(setup.optimizers)
        for number, group in enumerate(optimizer.param_groups)
    ]


def _peak(group: dict[str, Any]) -> float:
    return max(_number(group[name]) for name in PEAKS if isinstance(group.get(name), (int, float, Tensor)))


def _number(rate: Any) -> float:
    return float(rate)
