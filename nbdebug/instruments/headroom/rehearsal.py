"""The next steps of the training, rehearsed on copies of the weights: what they lead to is seen before it comes."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from nbdebug.counterfactual import Counterfactual, trainable
from nbdebug.listening import Tape
from nbdebug.training_setup import TrainingSetup

ASTRAY = 10.0  # a loss that has grown so many times is another trouble, of the learning rate; our choice
BUSY = 4.0  # times the seconds of work, by the clock; our choice


class Patience:
    """So many seconds of this thread, and a few times as many by the clock: a busy machine must not change what is found."""

    def __init__(self, seconds: float) -> None:
        self._worked, self._waited = time.thread_time() + seconds, time.perf_counter() + BUSY * seconds

    @property
    def over(self) -> bool:
        return time.thread_time() > self._worked or time.perf_counter() > self._waited


@dataclass
class Step:
    """One step of the rehearsal, to be read before the next is asked for."""

    number: int  # from 1: how many updates the weights had before it
    loss: float
    tape: Tape


def rehearse(setup: TrainingSetup, batches: Sequence[Any], steps: int, seconds: float) -> Iterator[Step]:
    """Trains copies of the weights with copies of the optimizers, round and round over these batches.

    Ends early when the loss goes astray or is not finite, when the seconds are over, or when nothing moves. The user's weights and
    optimizers are not touched; buffers are, as in any forward pass.

    Raises:
        StepError: the user's code raised.
        RuntimeError, TypeError, ValueError: the step does not run with lent weights, or the optimizer wants more than gradients.
    """
    patience, first = Patience(seconds), math.nan
    weights = {name: p.detach().clone().requires_grad_() for name, p in trainable(setup.model)}
    twins = [twin for o in setup.optimizers if (twin := _twin(o, _by_parameter(setup, weights))) is not None]
    if not twins:
        return
    for number, batch in zip(range(steps + 1), itertools.cycle(batches), strict=False):
        with Tape(setup.model) as tape, torch.enable_grad():
            loss = Counterfactual(setup, batch).loss(weights)
        value = float(loss.detach())
        if number:
            yield Step(number, value, tape)
        del tape
        first = abs(value) if number == 0 else first
        if not math.isfinite(value) or abs(value) > ASTRAY * max(1.0, first) or patience.over:
            return
        given = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        _update(twins, weights, given)


def _update(twins: Sequence[Optimizer], weights: dict[str, Tensor], given: Sequence[Tensor | None]) -> None:
    for weight, gradient in zip(weights.values(), given, strict=True):
        weight.grad = gradient
    for twin in twins:
        twin.step()


def _by_parameter(setup: TrainingSetup, weights: dict[str, Tensor]) -> dict[int, Tensor]:
    return {id(p): weights[name] for name, p in trainable(setup.model)}


def _twin(optimizer: Optimizer, lent: dict[int, Tensor]) -> Optimizer | None:
    """The same optimizer, with its state, over the lent weights; None when it has none of them."""
    groups = []
    for group in optimizer.param_groups:
        own = [p for p in group["params"] if id(p) in lent]
        rest = {k: v for k, v in group.items() if k not in ("params", "param_names")}
        rest["lr"] = max((v for v in (group.get("lr"), group.get("initial_lr")) if v is not None), default=0.0)  # warmed up
        if own:
            groups.append({"params": [lent[id(p)] for p in own], **rest})
    if not groups:
        return None
    known = {k: v for k, v in optimizer.defaults.items() if k in ("lr",)}
    twin = type(optimizer)(groups, **known)
    for parameter, state in optimizer.state.items():
        if id(parameter) in lent:
            twin.state[lent[id(parameter)]] = {k: v.clone() if isinstance(v, Tensor) else v for k, v in state.items()}
    return twin
