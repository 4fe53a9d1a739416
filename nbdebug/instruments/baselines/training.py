"""A short training on batches in memory, as the user's step does it or with an Adam of ours."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import NbdebugError
from nbdebug.instruments.baselines.hearing import Change, Heard, listening
from nbdebug.seeding import seed_torch
from nbdebug.stepping import kinds, needs_closure, own_adam, owned
from nbdebug.training_setup import TrainingSetup


@dataclass(frozen=True)
class Way:
    """A way to step."""

    name: str  # "your Adam", "Adam at 0.001"
    rate: float | None  # of our Adam; None: the user's own step


def ways(setup: TrainingSetup, rates: Sequence[float]) -> list[Way]:
    """The user's optimizers, unless they need a closure; then our Adam."""
    own = [] if any(map(needs_closure, setup.optimizers)) else [Way(f"your {kinds(setup)}", None)]
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
    seed_torch(0)
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
    mine = owned(setup)
    if not mine:
        raise NbdebugError("the model has no parameter that could be trained")
    return own_adam(setup, mine, way.rate)
