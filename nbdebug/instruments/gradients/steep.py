"""A loss that one parameter throws about: a per cent of it changes the loss many times over, and a smaller one brings it down by orders.

So it is with a simulation, or any loop over time, that is not stable: every step multiplies what the one before it made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nbdebug.counterfactual import Counterfactual, trainable
from nbdebug.depth import STEEP
from nbdebug.errors import NbdebugError
from nbdebug.instruments.gradients.result import ParameterGradient, Steep
from nbdebug.training_setup import TrainingSetup

SMALLER = (0.5, 0.25, 0.1, 0.03)  # times the parameter
ORDERS = 1e3  # by which the loss must come down; our choice: a loss of degree 2 in its outputs comes down by the square of the factor


def steep(setup: TrainingSetup, batch: Any, loss: float, parameters: Sequence[ParameterGradient]) -> Steep | None:
    """The steepest parameter, where a smaller one makes the loss another; None where it is no steeper than a polynomial."""
    known = [p for p in parameters if math.isfinite(p.elasticity)]
    steepest = max(known, key=lambda p: p.elasticity, default=None)
    if steepest is None or not math.isfinite(loss) or not loss or steepest.elasticity < STEEP * abs(loss):
        return None
    weight, trial = dict(trainable(setup.model))[steepest.name].detach(), Counterfactual(setup, batch)
    try:
        for factor in SMALLER:
            after = trial.value({steepest.name: factor * weight})
            if abs(after) * ORDERS < abs(loss):
                return Steep(steepest.name, steepest.elasticity / abs(loss), factor, after)
    except (NbdebugError, RuntimeError):
        return None
    return None
