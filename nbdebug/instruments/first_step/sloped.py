"""Weights whose gradient is nothing but zeros although the loss moves with them: their part of it was taken out of the graph.

A head that shares one output tensor with others gets zeros, not None, when the loss takes its column through `.item()`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from nbdebug.counterfactual import Counterfactual
from nbdebug.errors import NbdebugError
from nbdebug.tensor_stats import rms
from nbdebug.training_setup import TrainingSetup

STEP = 0.02  # of the size of a weight; small enough to wake no unit that is off
LEAST = 0.01  # stands for the size of weights that are zero
SEEN = 3e-6  # relative change of the loss that is no rounding in single precision
STRAIGHT = 0.3  # of the larger of both moves: forth and back must differ in sign and little else
MOST = 48  # weights that are asked about


def that_slope(setup: TrainingSetup, batch: Any, still: dict[str, nn.Parameter]) -> set[int]:
    """ids of those weights along which the loss has a slope: a step forth and one back move it by the same, one up and one down.

    Where the zero is true (a unit that is off, a branch that begins at zero, a saturated gate) the loss stays, or moves by the square.

    Args:
        still: weights with a gradient of zeros, by their names.
    """
    same_batch = Counterfactual(setup, batch)
    try:
        now = same_batch.value() if still else math.nan
        if not math.isfinite(now) or same_batch.value() != now:
            return set()
        return {id(p) for name, p in list(still.items())[:MOST] if _slopes(same_batch, name, p, now)}
    except (NbdebugError, RuntimeError):  # a step that does not bear other weights
        return set()


def _slopes(same_batch: Counterfactual, name: str, parameter: nn.Parameter, now: float) -> bool:
    generator = torch.Generator().manual_seed(0)
    way = torch.randn(parameter.shape, generator=generator).to(parameter) * STEP * max(rms(parameter), LEAST)
    forth = same_batch.value({name: parameter.detach() + way}) - now
    back = same_batch.value({name: parameter.detach() - way}) - now
    larger = max(abs(forth), abs(back))
    return math.isfinite(larger) and larger > SEEN * max(abs(now), 1e-3) and abs(forth + back) < STRAIGHT * larger
