"""Matrices that nothing would be different without: their gradient is all but zero, and other random values in them leave the loss as it is.

Depth is not the only way to lose a signal: what goes in before a long recurrence, or through a chain of small gates, is forgotten on the way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor

from nbdebug.counterfactual import Counterfactual, trainable
from nbdebug.errors import NbdebugError
from nbdebug.instruments.gradients.result import ParameterGradient, Unfelt
from nbdebug.training_setup import TrainingSetup

FAINT = 1e-8  # of the median matrix's gradient; our choice: layers behind branches that start at 1e-6 (LayerScale) are above
SILENT = 1e-6  # relative change of the loss; what single precision may round
LOUD = 1e-3  # the change that new values in another matrix make
MOST = 3  # matrices that are tried


def unfelt(setup: TrainingSetup, batch: Any, parameters: Sequence[ParameterGradient]) -> Iterator[Unfelt]:
    """Tries the matrices whose gradient is faint, beside those whose gradient is the strongest."""
    matrices = [p for p in parameters if len(p.shape) >= 2 and p.gradient is not None and math.isfinite(p.norm)]
    typical = median([p.norm for p in matrices] or [0.0])
    faint = sorted((p for p in matrices if 0 < p.norm < FAINT * typical), key=lambda p: p.norm)[:MOST]
    if not faint:
        return
    weights, trial = {name: p.detach() for name, p in trainable(setup.model)}, Counterfactual(setup, batch)
    try:
        plain = trial.value()
        if not math.isfinite(plain) or trial.value() != plain:
            return
        loudest = max(matrices, key=lambda p: p.norm).name
        other = abs(trial.value({loudest: _renewed(weights[loudest])}) - plain)
        for p in faint:
            change = abs(trial.value({p.name: _renewed(weights[p.name])}) - plain)
            if change <= SILENT * abs(plain) and other > LOUD * abs(plain):
                yield Unfelt(p.name, p.norm / typical, change, loudest, other)
    except (NbdebugError, RuntimeError):  # a step that does not bear other weights
        return


def _renewed(weight: Tensor) -> Tensor:
    """Random values of a sound scale."""
    scale = max(float(weight.double().square().mean().sqrt()), 1 / math.sqrt(max(1, weight[0].numel())))
    return scale * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)).to(weight)
