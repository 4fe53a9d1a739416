"""Can the model memorise a few samples? The one question that a training must answer before all others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import BatchError, NbdebugError, SetupError, first_line
from nbdebug.instruments.base import Instrument, demand_at_least, instrument
from nbdebug.instruments.overfit.attempts import OwnAdam, Task, attempt, tried, users_step
from nbdebug.instruments.overfit.blocker import searched
from nbdebug.instruments.overfit.floor import floor_of
from nbdebug.instruments.overfit.result import FAIL, UNDECIDED, Overfit, Trial, said_samples
from nbdebug.instruments.overfit.samples import frozen, twins
from nbdebug.instruments.overfit.users_optimizer import at_coming_rate, why_not_with_it
from nbdebug.instruments.overfit.verdict import answered, judged, worth_going_on
from nbdebug.instruments.overfit.written import script_of
from nbdebug.stepping import kinds
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

LEARNING_RATES = (1e-2, 1e-3, 1e-1)  # of our own Adam, tried when the user's optimizer does not get there
LONGER = 4  # times the steps, where one of these falls still and none has gone half of the way


class Memorising(Instrument):
    """In a checkup the search for what blocks the way is short."""

    briefly = {"search": 4.0}


@instrument(
    "train_loader", "optimizer", trains=True, title="overfit a few samples", level="optimisation", result=Overfit, made=Memorising
)  # fmt: skip
def overfit(setup: TrainingSetup, *, samples: tuple[int, ...] = (1, 10), steps: int = 200, search: float = 30.0) -> Iterator[Overfit]:
    """Can it memorise one sample, and ten? What is wired rightly can.

    Trains borrowed weights on the same few samples over and over: with your optimizer, and when that does not get there, with Adam at
    a few learning rates, each from the weights as they are. Where none does, one thing at a time is changed until one of them does.

    Args:
        samples: how many samples to try.
        steps: updates per attempt.
        search: seconds for finding what blocks the way, once they cannot be memorised; 0 for none.
    """
    samples = (samples,) if isinstance(samples, int) else tuple(samples)
    _demand(samples, steps, search)
    trials: tuple[Trial, ...] = ()
    tasks: list[Task | None] = []
    yield Overfit()
    for count in samples:
        trial, task = Trial(count, UNDECIDED, "not tried"), None
        for trial, task in _trial(setup, count, steps, trials, search / 4):  # noqa: B007  the last is the fullest
            yield Overfit((*trials, trial))
        trials = (*trials, trial)
        tasks.append(task)
        if trial.verdict == FAIL:
            break  # what fails with fewer samples needs no more of them
    yield from _explained(trials, tasks, search)


def _demand(samples: tuple[int, ...], steps: int, search: float) -> None:
    if not samples:
        raise SetupError("samples names no number of samples: samples=(1, 10)")
    for count in samples:
        demand_at_least(1, samples=count)
    demand_at_least(1, steps=steps)
    if isinstance(search, bool) or not isinstance(search, (int, float)) or search < 0:
        raise SetupError(f"search is a number of seconds, 0 for none, got {search!r}")


def _trial(
    setup: TrainingSetup, count: int, steps: int, earlier: tuple[Trial, ...], patience: float
) -> Iterator[tuple[Trial, Task | None]]:
    try:
        few = frozen(setup.train_loader, count)
    except BatchError as error:
        yield Trial(count, UNDECIDED, str(error)), None
        return
    if few.count < count and any(trial.samples == few.count for trial in earlier):
        yield Trial(count, UNDECIDED, f"the loader gives no more than {said_samples(few.count)}, tried already"), None
        return
    trial = Trial(few.count, UNDECIDED, "the attempt did not come to its end", redrawn=few.redrawn)
    try:
        for now, task in _first(Task(setup, few.batch, few.count, steps), trial):
            trial = now
            yield trial, task
        for now in _others(task, trial, patience):
            trial = now
            yield trial, task
    except (NbdebugError, RuntimeError) as error:  # batch-norm of one sample, say
        yield replace(trial, reason=first_line(error)), None
        return
    yield judged(task, trial), task


def _first(task: Task, trial: Trial) -> Iterator[tuple[Trial, Task]]:
    """The floor of the loss, then the user's optimizer; in one loan, because taking one is dearer than the steps of a small model."""
    setup = task.setup
    with untouched(setup, weights=True):
        in_training_mode(setup)
        task = replace(task, floor=floor_of(setup, task.batch, twins(setup, task.batch, task.count), task.count))
        trial = replace(trial, floor=task.floor.value, floor_from=task.floor.how)
        for now in attempt(task, f"your {kinds(setup)}", users_step(setup)):
            yield replace(trial, attempts=(now,)), task


def _others(task: Task, trial: Trial, patience: float) -> Iterator[Trial]:
    """Our own optimizers, where the user's does not get there, until one does; then the most hopeful of these for longer."""
    if answered(trial):
        return
    steppers = [*at_coming_rate(task.setup), *((f"Adam at {rate:g}", OwnAdam(task.setup, rate)) for rate in LEARNING_RATES)]
    for name, stepper in steppers:
        if answered(trial):
            return
        others = trial.attempts
        for now in tried(task, name, stepper):
            trial = replace(trial, attempts=(*others, now))
            yield trial
    slow, until = worth_going_on(trial, task), time.perf_counter() + patience
    if slow is None:
        return
    stepper, others = dict(steppers)[slow.optimizer], tuple(a for a in trial.attempts if a is not slow)
    for now in tried(replace(task, steps=LONGER * task.steps), slow.optimizer, stepper):
        if len(now.steps) >= len(slow.steps):
            trial = replace(trial, attempts=(*others, now))
            yield trial
        if time.perf_counter() > until:
            return


def _explained(trials: tuple[Trial, ...], tasks: list[Task | None], search: float) -> Iterator[Overfit]:
    """The failed trial with what blocks it and a program that fails alike; or one with what the user's optimizer lacks."""
    failed = [place for place, trial in enumerate(trials) if trial.verdict == FAIL]
    asked = failed or [place for place, trial in enumerate(trials) if trial.verdict == UNDECIDED and trial.best is not None and trial.best.memorised]
    if not asked or tasks[asked[0]] is None:
        return
    place, trial, task, until = asked[0], trials[asked[0]], tasks[asked[0]], time.perf_counter() + search
    code = script_of(task, trial) if failed else ""
    yield Overfit(trials, code)
    for explained in (searched if failed else why_not_with_it)(task, trial, until):
        yield Overfit((*trials[:place], explained, *trials[place + 1 :]), code)
