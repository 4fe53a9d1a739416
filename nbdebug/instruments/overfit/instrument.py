"""Can the model memorise a few samples? The one question that a training must answer before all others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import BatchError, NbdebugError, first_line
from nbdebug.instruments.base import instrument
from nbdebug.instruments.overfit.floor import Reading, read
from nbdebug.instruments.overfit.result import UNDECIDED, Attempt, Overfit, Trial
from nbdebug.instruments.overfit.samples import frozen, has_twins
from nbdebug.instruments.overfit.verdict import NEEDS_CLOSURE, judged, nothing_to_learn, owned
from nbdebug.listening import Tape
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

EVERY = 5  # steps between two readings
LEARNING_RATES = (1e-2, 1e-3, 1e-1)  # of our own Adam, tried when the user's optimizer does not get there
ENOUGH = 0.9  # of the way from the first loss to the floor: memorised
RIGHT_ANYWAY = 0.3  # of the way that counts as memorised when all classes are right: bounded logits cannot go further
LOSS_SCALE = {"16-mixed": 1024.0}  # keeps float16 gradients from underflowing in our own steps


@instrument("train_loader", "optimizer", trains=True, title="overfit a few samples", level="optimisation", result=Overfit)
def overfit(setup: TrainingSetup, *, samples: tuple[int, ...] = (1, 10), steps: int = 200) -> Iterator[Overfit]:
    """Can it memorise one sample, and ten? What is wired rightly can.

    Trains borrowed weights on the same few samples over and over.
    First with your optimizer; when that does not get there, with Adam at a few learning rates, each from the weights
    as they are.

    Args:
        samples: how many samples to try.
        steps: updates per attempt.
    """
    trials: tuple[Trial, ...] = ()
    yield Overfit()
    for count in samples:
        trial = Trial(count, UNDECIDED, "not tried")
        for trial in _trial(setup, count, steps, trials):  # noqa: B007  the last is the fullest
            yield Overfit((*trials, trial))
        trials = (*trials, trial)


def _trial(setup: TrainingSetup, count: int, steps: int, earlier: tuple[Trial, ...]) -> Iterator[Trial]:
    try:
        batch, held = frozen(setup.train_loader, count)
    except BatchError as error:
        yield Trial(count, UNDECIDED, str(error))
        return
    if held < count and any(trial.samples == held for trial in earlier):
        yield Trial(count, UNDECIDED, f"the loader gives only {held} samples, which were tried already")
        return
    trial, twins, reading = Trial(held, UNDECIDED, "the attempt did not come to its end"), has_twins(setup, batch, held), None
    for name, stepper in _steppers(setup):
        with untouched(setup, weights=True):
            in_training_mode(setup)
            try:
                for attempt, reading in _attempt(setup, batch, name, stepper(), steps, twins):
                    trial = replace(trial, floor=reading.floor, attempts=(*_others(trial, name), attempt))
                    yield trial
            except (NbdebugError, RuntimeError) as error:  # batch-norm of one sample, say
                yield replace(trial, reason=first_line(error))
                return
        if trial.best is None or trial.best.memorised or nothing_to_learn(trial) or trial.floor is None:
            break
    yield judged(setup, trial, reading)


def _others(trial: Trial, name: str) -> tuple[Attempt, ...]:
    return tuple(attempt for attempt in trial.attempts if attempt.optimizer != name)


def _attempt(
    setup: TrainingSetup, batch: Any, name: str, step: Callable[[Tensor], None], steps: int, twins: bool
) -> Iterator[tuple[Attempt, Reading]]:
    """Trains, and yields the attempt so far with every reading."""
    torch.manual_seed(0)
    taken: list[tuple[int, Reading]] = []
    for number in range(steps + 1):
        if number % EVERY == 0 or number == steps:
            with Tape(setup.model) as tape:
                loss = setup.loss(batch)
            taken.append((number, read(tape, loss, twins)))
            del tape
            attempt = _described(name, taken)
            yield attempt, taken[-1][1]
            if attempt.memorised or not math.isfinite(taken[-1][1].value):
                return
        else:
            loss = setup.loss(batch)
        if not loss.requires_grad:
            raise NbdebugError("the loss has no graph, so nothing can be learnt")
        step(loss)


def _described(name: str, taken: list[tuple[int, Reading]]) -> Attempt:
    floor = min((r.floor for _, r in taken if r.floor is not None), default=None)
    first, finite = taken[0][1].value, [r for _, r in taken if math.isfinite(r.value)]
    best = min(finite, key=lambda reading: reading.value, default=taken[0][1])
    progress = _progress(first, best.value, floor)
    right = best.accuracy == 1.0 and progress >= RIGHT_ANYWAY
    return Attempt(
        name, tuple(n for n, _ in taken), tuple(r.value for _, r in taken), progress, best.accuracy,
        memorised=len(taken) > 1 and (progress >= ENOUGH or right),
    )  # fmt: skip


def _progress(first: float, best: float, floor: float | None) -> float:
    """Share of the way from the first loss to the floor; to zero when the floor is not known."""
    way = first - (floor or 0.0)
    return max(0.0, (first - best) / way) if math.isfinite(first) and way > 0 else 0.0


# -- the ways to step -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _OwnAdam:
    """Adam over what the user's optimizers own, without his scaler."""

    setup: TrainingSetup
    rate: float

    def __call__(self) -> Callable[[Tensor], None]:
        mine = owned(self.setup)
        optimizer = torch.optim.Adam(mine, lr=self.rate)
        scale = LOSS_SCALE.get(self.setup.precision, 1.0)

        def step(loss: Tensor) -> None:
            for p in self.setup.model.parameters():
                p.grad = None
            (loss * scale).backward()
            for p in mine:
                if p.grad is not None:
                    p.grad = (p.grad.to_dense() if p.grad.layout != torch.strided else p.grad) / scale
            optimizer.step()

        return step


def _steppers(setup: TrainingSetup) -> Iterator[tuple[str, Callable[[], Callable[[Tensor], None]]]]:
    kinds = [type(optimizer).__name__ for optimizer in setup.optimizers]
    if not any(kind in NEEDS_CLOSURE for kind in kinds):
        yield f"your {'+'.join(dict.fromkeys(kinds))}", lambda: lambda loss: _users_step(setup, loss)
    for rate in LEARNING_RATES:
        yield f"Adam at {rate:g}", _OwnAdam(setup, rate)


def _users_step(setup: TrainingSetup, loss: Tensor) -> None:
    setup.backward(loss)
    setup.step()
