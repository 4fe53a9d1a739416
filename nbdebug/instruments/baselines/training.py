"""A short training on batches in memory, as the user's step does it or with an Adam of ours."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug.counterfactual import in_training_mode, trainable
from nbdebug.errors import NbdebugError
from nbdebug.instruments.baselines.hearing import Change, Heard, listening
from nbdebug.training_setup import TrainingSetup

NEEDS_CLOSURE = ("LBFGS",)
LOSS_SCALE = {"16-mixed": 1024.0}  # keeps float16 gradients from underflowing in our own steps


@dataclass(frozen=True)
class Way:
    """A way to step."""

    name: str  # "your Adam", "Adam at 0.001"
    rate: float | None  # of our Adam; None: the user's own step


def ways(setup: TrainingSetup, rates: Sequence[float]) -> list[Way]:
    """The user's optimizers, unless they need a closure; then our Adam."""
    kinds = list(dict.fromkeys(type(optimizer).__name__ for optimizer in setup.optimizers))
    own = [] if any(kind in NEEDS_CLOSURE for kind in kinds) else [Way(f"your {'+'.join(kinds)}", None)]
    return own + [Way(f"Adam at {rate:g}", rate) for rate in rates]


def trained(
    setup: TrainingSetup, data: Sequence[Any], way: Way, steps: int, *, change: Callable[[Any, int], Change] | None = None,
    deadline: float | None = None, heard: Callable[[Any, Heard], None] | None = None,
) -> tuple[float, ...]:  # fmt: skip
    """Trains the weights as they are now, which must be lent, and gives the losses.

    Args:
        change: of (batch, step): what is done to the model's inputs.
        heard: gets each batch and what was heard of its step.
    """
    torch.manual_seed(0)
    in_training_mode(setup)
    step, losses = _stepper(setup, way), []
    for number in range(steps):
        if deadline is not None and number and time.perf_counter() > deadline:
            break
        batch = data[number % len(data)]
        with listening(setup.model, None if change is None else change(batch, number)) as ear:
            ear.loss = loss = setup.loss(batch)
        losses.append(float(loss.detach()))
        if heard is not None:
            heard(batch, ear)
        del ear
        if not loss.requires_grad:
            raise NbdebugError("the loss has no graph, so nothing can be learnt")
        if not math.isfinite(losses[-1]):
            break
        step(loss)
    return tuple(losses)


def _stepper(setup: TrainingSetup, way: Way) -> Callable[[Tensor], None]:
    if way.rate is None:
        return lambda loss: (setup.backward(loss), setup.step())
    owned = {id(p) for optimizer in setup.optimizers for group in optimizer.param_groups for p in group["params"]}
    every = [p for _, p in trainable(setup.model)]
    mine = [p for p in every if id(p) in owned] or every
    if not mine:
        raise NbdebugError("the model has no parameter that could be trained")
    optimizer, scale = torch.optim.Adam(mine, lr=way.rate), LOSS_SCALE.get(setup.precision, 1.0)

    def step(loss: Tensor) -> None:
        for p in setup.model.parameters():
            p.grad = None
        (loss * scale).backward()
        for p in mine:
            if p.grad is not None:
                p.grad = (p.grad.to_dense() if p.grad.layout != torch.strided else p.grad) / scale
        optimizer.step()

    return step
