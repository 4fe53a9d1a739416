"""Ways to step on borrowed weights: the user's own optimizers, with the closure that some ask for, and an Adam of ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.counterfactual import trainable
from nbdebug.training_setup import TrainingSetup

LOSS_SCALE = {"16-mixed": 1024.0}  # keeps float16 gradients from underflowing in our own steps


def needs_closure(optimizer: Any) -> bool:
    """Whether its `step` cannot be called without one, as that of LBFGS."""
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def update(setup: TrainingSetup, again: Callable[[], Tensor]) -> None:
    """One update by the user's optimizers, after a backward pass.

    Args:
        again: the loss once more, for those that want it several times a step.
    """
    if not any(needs_closure(optimizer) for optimizer in setup.optimizers):
        setup.step()
        return
    for optimizer in setup.optimizers:

        def closure(optimizer: torch.optim.Optimizer = optimizer) -> Tensor:
            optimizer.zero_grad()
            value = again()
            value.backward()
            return value

        optimizer.step(closure)


def own_adam(setup: TrainingSetup, parameters: Sequence[nn.Parameter], rate: float) -> Callable[[Tensor], None]:
    """A step of an Adam of ours over these parameters, without the user's scaler; takes the loss."""
    optimizer, scale = torch.optim.Adam(parameters, lr=rate), LOSS_SCALE.get(setup.precision, 1.0)

    def step(loss: Tensor) -> None:
        for p in setup.model.parameters():
            p.grad = None
        (loss * scale).backward()
        for p in parameters:
            if p.grad is not None:
                p.grad = (p.grad.to_dense() if p.grad.layout != torch.strided else p.grad) / scale
        optimizer.step()

    return step


def owned(setup: TrainingSetup) -> list[nn.Parameter]:
    """What the user's optimizers train of this model; all of it when they were built for another."""
    mine = {id(p) for o in setup.optimizers for group in o.param_groups for p in group["params"]}
    every = [p for _, p in trainable(setup.model)]
    return [p for p in every if id(p) in mine] or every


def kinds(setup: TrainingSetup) -> str:
    """`Adam`, or of several `Adam+SGD`."""
    return "+".join(dict.fromkeys(type(optimizer).__name__ for optimizer in setup.optimizers))
