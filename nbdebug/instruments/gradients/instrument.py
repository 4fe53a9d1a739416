"""How large the gradient is, parameter by parameter, and how the backward signal fares on its way."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import loading
from nbdebug.counterfactual import Counterfactual, in_training_mode, is_adaptive, trainable
from nbdebug.errors import NbdebugError
from nbdebug.instruments.base import instrument
from nbdebug.instruments.gradients import symmetry
from nbdebug.instruments.gradients.copies import copies
from nbdebug.instruments.gradients.flow import Flow, Use
from nbdebug.instruments.gradients.result import Experiment, GradientStats, ParameterGradient, Signal
from nbdebug.instruments.gradients.steep import steep
from nbdebug.instruments.gradients.trend import suspicious
from nbdebug.instruments.gradients.unfelt import unfelt
from nbdebug.tensor_stats import measure_all, norms
from nbdebug.training_setup import TrainingSetup

SQUASHING = (nn.Sigmoid, nn.Tanh, nn.Softsign, nn.Hardsigmoid, nn.Hardtanh, nn.LogSigmoid)
FEWEST_MATRICES = 3  # below, there is neither depth nor an early part to try


@instrument("train_loader", title="gradients", level="numbers", result=GradientStats)
def gradients(setup: TrainingSetup, *, batches: int = 1) -> Iterator[GradientStats]:
    """How the gradient comes back: magnitudes by parameter, vanishing and exploding.

    The gradient of the training loss, averaged over `batches` batches.

    Yields ever fuller results; no weight is moved.
    """
    in_training_mode(setup)
    given = loading.first_batches(setup.train_loader, max(1, batches))
    found = GradientStats(None, 0, adaptive=is_adaptive(setup), squashing=dict(Counter(type(m).__name__ for m in setup.model.modules() if type(m) in SQUASHING)))
    losses: list[float] = []
    uses: list[Use] = []
    for batch in given:
        try:
            loss = setup.loss(batch)
            reason = "" if loss.requires_grad else "the loss has no graph, so there is no backward pass"
            if not reason:
                flow = Flow(loss, setup.model)
                setup.backward(loss)
                uses = uses or flow.uses(setup.scale())
        except NbdebugError as error:
            reason = str(error)
        if reason:
            yield replace(found, not_checked=reason)
            return
        losses.append(float(loss.detach()))
    found = replace(
        found,
        loss=math.fsum(losses) / len(losses),
        batches=len(losses),
        parameters=tuple(_parameters(setup, len(losses))),
        signals=tuple(Signal(use.parameter, use.signal) for use in uses),
    )
    for _, parameter in trainable(setup.model):
        parameter.grad = None  # read; the experiments need the room
    yield found
    columns = frozenset(use.parameter for use in uses if not use.transposed)
    found = replace(found, **_symmetry(setup, given, columns, found))
    yield found
    found = replace(
        found, unfelt=tuple(unfelt(setup, given[0], found.parameters)), steep=steep(setup, given[0], found.loss or 0.0, found.parameters)
    )
    yield found
    if suspicious(found):
        yield replace(found, experiment=_experiment(setup, given[0], found.signals))


def _parameters(setup: TrainingSetup, batches: int) -> Iterator[ParameterGradient]:
    named = list(trainable(setup.model))
    factor = 1.0 / (batches * setup.scale())
    held = [(name, p.grad) for name, p in named if p.grad is not None]
    stats = dict(zip((name for name, _ in held), measure_all(_unscaled(g, factor) for _, g in held), strict=True))
    for (name, p), weight_norm in zip(named, norms([p for _, p in named]), strict=True):
        yield ParameterGradient(name, tuple(p.shape), stats.get(name), weight_norm)


def _unscaled(gradient: Tensor, factor: float) -> Tensor:
    gradient = gradient.detach()
    if factor == 1.0:
        return gradient
    wide = torch.float32 if gradient.dtype in (torch.float16, torch.bfloat16) else gradient.dtype
    return gradient.to(wide) * factor  # in half precision the quotient would underflow


def _symmetry(
    setup: TrainingSetup, batches: Sequence[Any], columns: frozenset[str], found: GradientStats
) -> dict[str, Any]:
    try:
        reached = {p.name for p in found.parameters if p.gradient is not None}  # a teacher under no_grad does not learn anyway
        return {
            "symmetric": {name: distinct for name, distinct in symmetry.stuck(setup, batches, columns).items() if name in reached},
            "copies": copies(setup, batches),
        }
    except (NbdebugError, RuntimeError) as error:
        return {"symmetry_not_checked": f"the step does not run with lent weights ({str(error).splitlines()[0]})"}


def _experiment(setup: TrainingSetup, batch: Any, signals: Sequence[Signal]) -> Experiment | None:
    """Shuffles early weights, then late ones; then takes the last matrix out. On copies."""
    order = list(dict.fromkeys(signal.parameter for signal in signals))
    weights = {name: p.detach() for name, p in trainable(setup.model)}
    trial = Counterfactual(setup, batch)
    try:
        plain = trial.value()
        uninformed = trial.value({order[-1]: torch.zeros_like(weights[order[-1]])})
        if len(order) < FEWEST_MATRICES:
            return Experiment(math.nan, math.nan, uninformed)
        few = max(1, len(order) // 4)
        early, late = (
            abs(trial.value({name: _shuffled(weights[name]) for name in names}) - plain)
            for names in (order[:few], order[-few:])
        )
    except (NbdebugError, RuntimeError):
        return None
    return Experiment(early, late, uninformed)


def _shuffled(weight: Tensor) -> Tensor:
    order = torch.randperm(weight.numel(), generator=torch.Generator().manual_seed(0))
    return weight.reshape(-1)[order.to(weight.device)].reshape(weight.shape)
