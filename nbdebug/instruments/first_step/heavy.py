"""Which one parameter makes a loss start far above chance: each is made smaller on a copy, and the loss asked again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from nbdebug.counterfactual import Counterfactual, trainable
from nbdebug.errors import NbdebugError
from nbdebug.instruments.first_step.answers import Heavy
from nbdebug.loss_call import LossCall
from nbdebug.training_setup import TrainingSetup

TENTH = 0.1  # of a matrix; a bias goes to zero
MOST = 24  # parameters that are tried, the largest entries first
SHARE = 0.8  # of the way down to chance that one of them must go


def heavy(setup: TrainingSetup, batch: Any, call: LossCall) -> Heavy | None:
    """The parameter that brings the loss nearest to chance, if one does by itself."""
    trial, best = Counterfactual(setup, batch), None
    try:
        before = trial.value()
        for name, lighter, factor in _lighter(setup):
            after = trial.value({name: lighter})
            if math.isfinite(after) and (best is None or after < best.after):
                best = Heavy(name, factor, before, after)
    except (NbdebugError, RuntimeError):  # a step that does not bear other weights
        return None
    wanted = SHARE * (call.value - (call.chance or 0.0))
    return best if best is not None and before - best.after >= wanted else None


def _lighter(setup: TrainingSetup) -> Iterator[tuple[str, Tensor, float]]:
    """Matrices and scales at a tenth, biases at zero; the weights of a normalisation are its own affair."""
    named = [(name, p.detach()) for name, p in trainable(setup.model) if p.numel()]
    named = [(name, p) for name, p in named if p.ndim != 1 or name.rpartition(".")[2].startswith("b")]
    for name, p in sorted(named, key=lambda one: -float(one[1].abs().max()))[:MOST]:
        factor = 0.0 if p.ndim == 1 else TENTH
        if bool(p.any()):
            yield name, factor * p, factor
