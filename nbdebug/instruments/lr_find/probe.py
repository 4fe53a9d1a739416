"""Whether there is anything to sweep: one step, and what stands in the way of the next."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from nbdebug.counterfactual import in_training_mode
from nbdebug.listening import Tape
from nbdebug.loss_call import loss_calls, main_loss
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

FLOOR = 1e-3  # of what a prediction that knows nothing costs: little is left to learn below it; our choice


def obstacle(setup: TrainingSetup, batch: Any) -> str:
    """Why no rate can be found, in a sentence; "" when one step goes as it should."""
    with untouched(setup, weights=True):
        in_training_mode(setup)
        with Tape(setup.model) as tape:
            loss = setup.loss(batch)
        value = float(loss.detach())
        chance = _chance(tape, value)
        del tape
        if not math.isfinite(value):
            return f"the loss is {value} before any update: nbdebug.find_nan says where that is born"
        if not loss.requires_grad:
            return "the loss has no graph to the weights (detached, under no_grad, or all of them frozen), so no rate changes it"
        setup.backward(loss)
        stuck = _no_gradient(setup)
    if stuck:
        return stuck
    if chance is not None and value < FLOOR * chance:
        return f"the loss is at its floor: {value:.2g}, where a prediction that knows nothing costs {chance:.2g}; little is left to learn"
    return ""


def _no_gradient(setup: TrainingSetup) -> str:
    held = [(group, p) for optimizer in setup.optimizers for group in optimizer.param_groups for p in group["params"]]
    reached = [(group, p.grad) for group, p in held if p.grad is not None]
    if not reached:
        return "no gradient arrives at any weight that the optimizer owns: it belongs to another model, or they are frozen or unused"
    if not any(_is_felt(gradient) for _, gradient in reached):
        return "the gradient is 0 at every weight that the optimizer owns, so no rate changes the loss"
    moved = any(float(group["lr"]) > 0 or _scheduled(group) for group, gradient in reached if _is_felt(gradient))
    if not moved and any(float(group["lr"]) > 0 for group, _ in held):
        return "the groups that a gradient reaches have a learning rate of 0, and those with one are reached by none: their ratios leave nothing to move"
    return ""


def _scheduled(group: dict[str, Any]) -> bool:
    return float(group.get("initial_lr", 0.0)) > 0


def _is_felt(gradient: Tensor) -> bool:
    values = gradient if gradient.layout == torch.strided else gradient.to_dense()
    return bool((values != 0).any())


def _chance(tape: Tape, value: float) -> float | None:
    """What a prediction that knows nothing costs, where the loss is nothing but a call of one of torch's."""
    call = main_loss(loss_calls(tape))
    return call.chance if call is not None and math.isclose(call.value, value, rel_tol=1e-3) else None
