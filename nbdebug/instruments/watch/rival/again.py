"""The same model again on lent weights: some steps of a plain Adam with all of its weights free. What that reaches, the loop could have."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

RATES, STEPS, ENOUGH = (1e-3, 1e-2), 400, 200  # of that Adam, its steps, and those without which a model that was still falling is not judged; our choice


def trained_again(
    model: nn.Module, losses: Sequence[Callable[[], Tensor]], measured: Callable[[], float], seconds: float, rates: Iterable[float] = RATES, steps: int = STEPS
) -> tuple[float, int]:
    """The lowest measure that was seen after these steps, one rate at a time, and the fewest steps that there was time for.

    Args:
        losses: of each batch, with their graph; round and round.
        measured: the model as it stands then; it may set the mode.
        seconds: of this thread, for each rate.
    """
    frozen, lowest, taken = [p for p in model.parameters() if not p.requires_grad], math.inf, steps
    for rate in rates:
        with untouched(TrainingSetup(model=model), weights=True):
            try:
                taken = min(taken, _train(model.requires_grad_(True), losses, rate, steps, seconds))
                lowest = min(lowest, measured())
            finally:
                for p in frozen:
                    p.requires_grad_(False)
    return lowest, taken


def _train(model: nn.Module, losses: Sequence[Callable[[], Tensor]], rate: float, steps: int, seconds: float) -> int:
    """The steps that there was time for."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.is_floating_point()], lr=rate)
    until = time.thread_time() + seconds
    model.train()
    for step in range(steps):
        optimizer.zero_grad()
        losses[step % len(losses)]().backward()
        optimizer.step()
        if time.thread_time() > until:
            return step + 1
    return steps
