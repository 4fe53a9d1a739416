"""Weights far too large or far too small, told by what happens when a copy of them is brought to a sound scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from nbdebug.counterfactual import Counterfactual, trainable
from nbdebug.listening import Tape
from nbdebug.tensor_stats import norms
from nbdebug.training_setup import TrainingSetup

LARGE, SMALL = 3.0, 0.15  # gains that deserve a trial; He's is 1.4, torch's default 0.58, GPT-2's 0.55
PRODUCTS = ("matmul", "mm", "__matmul__")
MOST_TRIALS = 6  # suspects tried one by one, the most extreme first


@dataclass(frozen=True)
class Suspect:
    """A weight matrix of unusual scale."""

    parameter: str
    gain: float  # rms times the root of its fan-in: by how much it scales an independent input


@dataclass(frozen=True)
class Large:
    """A matrix whose rescaled copy brings the loss down."""

    parameter: str
    gain: float
    before: float  # the loss as it is; inf when it is not finite
    after: float  # the loss with this matrix, and no other, at gain 1
    all_after: float  # with all large ones at gain 1


@dataclass(frozen=True)
class Small:
    """Matrices whose rescaled copies bring their own gradients back."""

    parameters: tuple[str, ...]
    gain: float  # of the smallest
    comeback: float  # factor by which the median gradient norm grows when all of them are at gain 1


def large(setup: TrainingSetup, batch: Any) -> Iterator[Large]:
    """Tries every large suspect, first all together."""
    suspects = sorted(_suspects(setup, lambda gains: min(gains) > LARGE, _stored_in_out(setup, batch)), key=lambda s: -s.gain)[:MOST_TRIALS]
    if not suspects:
        return
    trial, weights = Counterfactual(setup, batch), dict(trainable(setup.model))
    sound = {s.parameter: weights[s.parameter].detach() / s.gain for s in suspects}
    before, all_after = trial.value(), trial.value(sound)
    if not math.isfinite(all_after):
        return
    for s in suspects:
        after = all_after if len(suspects) == 1 else trial.value({s.parameter: sound[s.parameter]})
        yield Large(s.parameter, s.gain, _or_inf(before), _or_inf(after), all_after)


def small(setup: TrainingSetup, batch: Any) -> Small | None:
    """Tries all small suspects together: alone, each would be a small head, which is sound."""
    suspects = list(_suspects(setup, lambda gains: 0 < max(gains) < SMALL))
    if len(suspects) < 2:
        return None
    trial, weights = Counterfactual(setup, batch), dict(trainable(setup.model))
    small_ones = {s.parameter: weights[s.parameter].detach() for s in suspects}
    sound = {s.parameter: small_ones[s.parameter] / s.gain for s in suspects}
    before, after = (_gradient_norms(trial, lent) for lent in (small_ones, sound))
    ratios = [after[name] / before[name] for name in before if before[name] > 0 and math.isfinite(after[name])]
    faint = [after[name] > 0 for name in before if before[name] == 0]  # underflowed altogether
    comeback = median([*ratios, *(math.inf for came_back in faint if came_back)] or [1.0])
    return Small(tuple(s.parameter for s in suspects), min(s.gain for s in suspects), comeback)


def _stored_in_out(setup: TrainingSetup, batch: Any) -> frozenset[str]:
    """The parameters that stand behind a product, as in `x @ w`: their first dimension is that of the inputs."""
    names = {id(p): name for name, p in trainable(setup.model) if p.ndim == 2}
    with torch.no_grad(), Tape(setup.model) as tape:
        setup.loss(batch)
    products = (call.inputs() for call in tape.calls if call.name in PRODUCTS and len(call.inputs()) > 1)
    return frozenset(names[id(given[1])] for given in products if id(given[1]) in names)


def _suspects(setup: TrainingSetup, odd: Callable[[list[float]], bool], in_out: frozenset[str] = frozenset()) -> Iterator[Suspect]:
    matrices = [(name, p) for name, p in trainable(setup.model) if p.ndim >= 2 and p.shape[0] > 1 and p.numel()]
    for (name, p), norm in zip(matrices, norms([p for _, p in matrices]), strict=True):
        gains = _gains(p, norm / math.sqrt(p.numel()))[: 1 if name in in_out else 2]
        if odd(gains):
            yield Suspect(name, min(gains, key=lambda gain: abs(math.log(gain))))


def _gains(weight: Tensor, rms: float) -> list[float]:
    """For either reading of the layout, (out, in) and (in, out): both must be odd before anything is tried."""
    window = math.prod(weight.shape[2:])
    return [rms * math.sqrt(fan_in * window) for fan_in in weight.shape[:2]]


def _gradient_norms(trial: Counterfactual, weights: dict[str, Tensor]) -> dict[str, float]:
    given = trial.gradients(weights)
    return dict(zip(given, norms(list(given.values())), strict=True))


def _or_inf(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf
