"""The short trainings: some updates by the user's own optimizers, with one thing changed."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from nbdebug.batch import own_copy
from nbdebug.counterfactual import in_training_mode
from nbdebug.instruments.what_if.result import Course
from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup
from nbdebug.unmasked import without_dropout
from nbdebug.untouched import untouched

SLOWED = 0.1
CALM = 4  # batches whose loss is asked for afterwards
LIMIT = 1.0  # of the norm of all gradients, where the loop clips


def slower(setup: TrainingSetup) -> None:
    """A tenth of every rate; the frame hands the old ones back."""
    for group in _groups(setup):
        group["lr"] = group["lr"] * SLOWED


def undecayed(setup: TrainingSetup) -> None:
    """No weight decay in any group."""
    for group in _groups(setup):
        if "weight_decay" in group:
            group["weight_decay"] = 0.0


def as_it_is(setup: TrainingSetup) -> None:
    """Nothing is changed."""


def train(
    setup: TrainingSetup, batches: Sequence[Any], steps: int, name: str, change: Callable[[TrainingSetup], Callable[[], None] | None] = as_it_is, *, masks: bool = True, clip: bool = False,
    seconds: float = math.inf, enough: int = 0, apart: Sequence[Any] = (),
) -> Generator[None, None, Course]:
    """So many updates, round and round over the batches; weights and rates come back afterwards. Stops after each, to be gone on with or left.

    Args:
        change: what is changed; it may hand back what undoes it.
        seconds: of this thread, after which it ends; a third of them after so many updates as are `enough`, for others are to come.
        apart: batches that nothing is trained on, whose loss is asked for at the end.
    """
    losses: list[float] = []
    started = time.thread_time()
    with untouched(setup, weights=True), contextlib.ExitStack() as stack:
        in_training_mode(setup)
        seed_torch(0)
        if (undo := change(setup)) is not None:
            stack.callback(undo)
        if not masks:
            stack.enter_context(without_dropout(setup.model))
        for step in range(steps):
            loss = setup.loss(own_copy(batches[step % len(batches)]))
            losses.append(float(loss.detach()))
            if time.thread_time() - started > (seconds / 3 if 0 < enough < len(losses) else seconds):
                break
            if not math.isfinite(losses[-1]):
                return Course(name, tuple(losses), math.nan)
            setup.backward(loss)
            if clip:
                nn.utils.clip_grad_norm_(setup.model.parameters(), LIMIT)
            setup.step()
            yield
        return Course(name, tuple(losses), _calm(setup, batches), _apart(setup, apart))


def _calm(setup: TrainingSetup, batches: Sequence[Any]) -> float:
    few = batches[:CALM]
    with torch.no_grad(), without_dropout(setup.model):
        return math.fsum(float(setup.loss(own_copy(batch))) for batch in few) / len(few)


def _apart(setup: TrainingSetup, batches: Sequence[Any]) -> float | None:
    """The mean loss in eval mode; None without batches."""
    if not batches:
        return None
    setup.model.eval()
    with torch.no_grad():
        return math.fsum(float(setup.loss(own_copy(batch))) for batch in batches) / len(batches)


def _groups(setup: TrainingSetup) -> Iterator[dict[str, Any]]:
    return (group for optimizer in setup.optimizers for group in optimizer.param_groups)
