"""The same step in float32: from the same weights, batch and random numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import map_tensors
from nbdebug.errors import NbdebugError
from nbdebug.nonfinite.finite import all_finite
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class InFloat32:
    """What the step gave."""

    loss: float
    gradients: dict[int, Tensor]  # id of a parameter → its gradient

    @property
    def finite(self) -> bool:
        return math.isfinite(self.loss) and all_finite(list(self.gradients.values()))


def is_half(setup: TrainingSetup) -> bool:
    """Whether float16 or bfloat16 has a part in the step, as far as the setup says."""
    return setup.precision.startswith(("16", "bf16")) or any(p.dtype in HALF for p in setup.model.parameters())


def in_float32(setup: TrainingSetup, batch: Any) -> InFloat32 | None:
    """Loss and gradients of this step in float32; None where the model cannot be run so.

    What the user's own code casts to half by name stays half.
    """
    with untouched(setup, weights=True):
        for module in (setup.model, setup.loss_fn):
            if isinstance(module, nn.Module):
                _widen(module)
        wide = replace(setup, precision="32-true", scaler=None)
        try:
            loss = wide.loss(map_tensors(_float32, batch))
            if bool(loss.isfinite()):
                wide.backward(loss)
        except NbdebugError:
            return None
        parameters = {id(p): p for p in setup.model.parameters()}
        parameters |= {id(p): p for o in setup.optimizers for group in o.param_groups for p in group["params"]}
        return InFloat32(float(loss.detach()), {key: p.grad for key, p in parameters.items() if p.grad is not None})


def _widen(module: nn.Module) -> None:
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.dtype in HALF:
            tensor.data = tensor.data.float()


def _float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in HALF else tensor
