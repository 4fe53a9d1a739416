"""Whether it is the learning rate: the same training from its start, at a tenth of it, and at a thousandth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdebug.instruments.find_nan.loop import delivered
from nbdebug.instruments.find_nan.training import Training
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.origin import Origin

GROWN = 100.0  # times the first loss, or the first weights: a training that may have run away; only then is it tried; our choice
TRIED = {"a tenth": 0.1, "a thousandth": 0.001}


def ran_away(training: Training, origin: Origin, losses: Sequence[float]) -> bool:
    """Whether something overflowed after losses, or weights, had grown and grown. Asked while the training stands before that step."""
    if origin.cause not in ("overflow", "low precision") or origin.phase not in ("forward", "loss", "backward"):
        return False
    finite = [abs(loss) for loss in losses if math.isfinite(loss)]
    return (len(finite) > 1 and finite[-1] > GROWN * finite[0]) or training.size() > GROWN * training.first_size


def spared_by(training: Training, start: Snapshot, steps: int) -> str:
    """The part of every learning rate at which so many steps from the start stay finite; "" when none does, or schedules set the rates."""
    if training.setup.schedulers or not training.setup.optimizers:
        return ""
    return next((said for said, factor in TRIED.items() if _finite_at(training, start, steps, factor)), "")


def _finite_at(training: Training, start: Snapshot, steps: int, factor: float) -> bool:
    start.restore()
    for optimizer in training.setup.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor
    for number, (batch, _) in enumerate(delivered(training.setup)):
        if number == steps:
            return True
        if training.step(batch.batch).end:
            return False
    return False
