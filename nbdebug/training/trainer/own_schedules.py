"""The setup's own schedulers, stepped when they are meant to be.

A scheduler does not say whether it counts steps or epochs, and a wrong guess ruins a training quietly. What tells is how long it is made for,
beside how long the training is, and its class; torch's own examples step once an epoch, and that is the answer when nothing tells.
"""

from __future__ import annotations

import math
from typing import Any

from torch.optim import lr_scheduler

BY_STEP = (lr_scheduler.OneCycleLR, lr_scheduler.CyclicLR)  # whose pages step them after every batch
LENGTHS = ("total_steps", "T_max", "total_iters")


class OwnSchedules:
    """The interface of `Schedule` over the user's schedulers.

    Args:
        own: any number of schedulers.
        epochs: of the training; None: it is measured in steps.
        total_steps: optimizer steps of the training; None: not known.
        interval: "step" or "epoch" when the user said so.
    """

    def __init__(self, own: tuple[Any, ...], epochs: int | None, total_steps: int | None, interval: str | None = None) -> None:
        self.own = own
        self.intervals = tuple("validation" if _waits(one) else interval or interval_of(one, epochs, total_steps) for one in own)
        for one in own:  # the configuration may have changed the rate that they multiply
            if hasattr(one, "base_lrs"):
                one.base_lrs = [group.get("initial_lr", group["lr"]) for group in one.optimizer.param_groups]
        self.interval = next((known for known in self.intervals if known != "validation"), "step")

    @property
    def counts_steps(self) -> bool:
        return "step" in self.intervals

    def step(self) -> None:
        self._step("step")

    def end_epoch(self) -> None:
        self._step("epoch")

    def judged(self, value: float) -> None:
        """A plateau is told the value; `step` of the others takes none."""
        for one, known in zip(self.own, self.intervals, strict=True):
            if known == "validation":
                one.step(value)

    def state_dict(self) -> dict[str, Any]:
        return {"own": [one.state_dict() for one in self.own]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for one, kept in zip(self.own, state["own"], strict=True):
            one.load_state_dict(kept)

    def _step(self, interval: str) -> None:
        for one, known in zip(self.own, self.intervals, strict=True):
            if known == interval:
                one.step()


def interval_of(scheduler: Any, epochs: int | None, total_steps: int | None) -> str:
    """Whether a scheduler counts "step" or "epoch": by its class, by the length it is made for, by where its function comes from."""
    if epochs is None or isinstance(scheduler, BY_STEP):
        return "step"
    length = _length(scheduler)
    if length and total_steps and epochs < total_steps:  # which of the two is nearer, as a ratio
        return "step" if abs(math.log(length / total_steps)) < abs(math.log(length / epochs)) else "epoch"
    functions = getattr(scheduler, "lr_lambdas", [])
    return "step" if any((getattr(getattr(f, "func", f), "__module__", "") or "").startswith("transformers") for f in functions) else "epoch"


def _length(scheduler: Any) -> float | None:
    """The intervals that a scheduler, or the longest of those it is put together from, is made for."""
    milestones = list(getattr(scheduler, "_milestones", [])) + list(getattr(scheduler, "milestones", []))
    parts = getattr(scheduler, "_schedulers", None)
    if parts and isinstance(scheduler, lr_scheduler.SequentialLR):
        return max([*milestones, 0]) + (_length(parts[-1]) or 0) or None
    if parts:
        return max((_length(one) or 0 for one in parts), default=0) or None
    found = [getattr(scheduler, name) for name in LENGTHS if isinstance(getattr(scheduler, name, None), (int, float))]
    return max(found + milestones, default=None)


def _waits(scheduler: Any) -> bool:
    return isinstance(scheduler, lr_scheduler.ReduceLROnPlateau)
