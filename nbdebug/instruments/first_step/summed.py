"""A loss that is a sum over the batch, with a learning rate that was meant for a mean: the first steps with either are tried."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.counterfactual import Counterfactual, is_adaptive, trainable
from nbdebug.errors import NbdebugError
from nbdebug.instruments.first_step.answers import Summed
from nbdebug.listening import Call, Tape
from nbdebug.loss_call import CLASS_INDEX
from nbdebug.training_setup import TrainingSetup

STEPS = 20  # on one batch; too large a rate shows in fewer
EVERY = 5  # steps; of what is looked at, the last two count: a rate that is too large throws the loss about before it rises for good
ADDS_UP = 0.02  # relative; the losses of both halves together, beside that of the whole
HIGHER = 1.5  # times the first loss, after the steps


def summed(setup: TrainingSetup, batch: Any, tape: Tape) -> Summed | None:
    """None for a loss that is no sum over its samples, and for optimizers such as Adam that take the size out of a gradient."""
    size = batches.batch_size(batch)
    summing = _summing(tape)
    if summing is None or is_adaptive(setup) or len(setup.optimizers) != 1 or size is None or size < 4:
        return None
    try:
        if not _adds_up(setup, batch, size):
            return None
        first = Counterfactual(setup, batch).value() / size
        with_sum, with_mean = _after(setup, batch, size, 1.0), _after(setup, batch, size, 1.0 / size)
        terms = _terms(summing)
        of_all = terms > size and not with_mean < first  # a sum over pixels as well: the mean is over those
        with_mean = _after(setup, batch, size, 1.0 / terms) if of_all else with_mean
    except (NbdebugError, RuntimeError):
        return None
    rate = float(setup.optimizers[0].param_groups[0]["lr"])
    return Summed(size, terms if of_all else size, STEPS, rate, first, with_sum, with_mean, summing.location)


def is_too_much(found: Summed) -> bool:
    """Whether the sum goes up where the mean comes down."""
    worse = not math.isfinite(found.with_sum) or found.with_sum > HIGHER * found.first
    return worse and found.first > 0 and found.with_mean < found.first


def _summing(tape: Tape) -> Call | None:
    """The call that sums over the batch: a loss with reduction="sum", or a sum that gives one number."""
    asked = next((call for call in tape.calls if call.kwargs.get("reduction") == "sum"), None)
    if asked is not None:
        return asked
    return next((c for c in reversed(tape.calls) if c.name == "sum" and isinstance(c.output, Tensor) and c.output.ndim == 0 and c.output.requires_grad), None)


def _terms(summing: Call) -> int:
    """How many numbers are added up; of a loss over classes one a target."""
    counted = summing.argument(1, "target") if summing.name in CLASS_INDEX else summing.given[0]
    return int(counted.numel())


def _adds_up(setup: TrainingSetup, batch: Any, size: int) -> bool:
    """Whether the losses of both halves of the batch add up to that of the whole, in eval mode."""
    modes = {module: module.training for module in setup.model.modules()}
    setup.model.eval()
    half = size // 2
    try:
        parts = [batches.take(batch, list(rows)) for rows in (range(half), range(half, size))]
        whole, *halves = (Counterfactual(setup, one).value() for one in (batch, *parts))
    finally:
        for module, training in modes.items():
            module.training = training
    return math.isfinite(whole) and abs(sum(halves) - whole) <= ADDS_UP * abs(whole)


def _after(setup: TrainingSetup, batch: Any, size: int, factor: float) -> float:
    """The mean loss towards the end of a few steps of gradient descent with momentum, from the weights as they are."""
    again, group = Counterfactual(setup, batch), setup.optimizers[0].param_groups
    rates = {id(p): (float(g["lr"]), float(g.get("momentum", 0.0))) for g in group for p in g["params"]}
    owned = [(name, p) for name, p in trainable(setup.model) if id(p) in rates]
    weights: Mapping[str, Tensor] = {name: p.detach() for name, p in owned}
    speeds = {name: torch.zeros_like(p) for name, p in weights.items()}
    seen = []
    for step in range(1, STEPS + 1):
        gradients = again.gradients(weights)
        moved = {}
        for name, p in owned:
            rate, momentum = rates[id(p)]
            speeds[name] = momentum * speeds[name] + factor * gradients[name]
            moved[name] = weights[name] - rate * speeds[name]
        weights = moved
        if step % EVERY == 0:
            seen.append(again.value(weights) / size)
    return sum(seen[-2:]) / 2
