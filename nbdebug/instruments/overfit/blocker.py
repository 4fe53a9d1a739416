"""What blocks the way: experiments on the borrowed setup, cheap ones first, until one change alone lets the samples be memorised."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.counterfactual import in_training_mode
from nbdebug.instruments.overfit.attempts import ENOUGH, OwnAdam, Task
from nbdebug.instruments.overfit.changes import Change, changes
from nbdebug.instruments.overfit.experiment import experiment
from nbdebug.instruments.overfit.head import linear_head, where_it_stops
from nbdebug.instruments.overfit.result import Blocker, Experiment, Trial
from nbdebug.instruments.overfit.scene import scene_of
from nbdebug.listening import Tape
from nbdebug.untouched import untouched

RATE = 1e-2  # of the Adam that every experiment is trained with


def searched(task: Task, trial: Trial, until: float) -> Iterator[Trial]:
    """The trial with ever more experiments, and in the end with the blocker where one was found.

    Args:
        until: time.perf_counter() after which none is begun.
    """
    if time.perf_counter() >= until:
        return
    task = replace(task, reference=trial.start)
    with untouched(task.setup):
        in_training_mode(task.setup)
        with Tape(task.setup.model) as tape:
            loss = task.loss()
        scene = scene_of(tape, loss)
        del tape, loss
    plain = linear_head(task)
    if plain is not None:
        found, blocker = plain
        trial = replace(trial, experiments=(*trial.experiments, found), blocker=blocker)
        yield trial
    for change in changes(task, scene):
        if time.perf_counter() >= until:
            return
        count = len(trial.experiments)
        for now in _tried(task, trial, change, until):
            yield now
        trial = now
        if any(tried.memorised for tried in trial.experiments[count:]):
            return
    if trial.blocker is None and time.perf_counter() < until:
        yield where_it_stops(task, trial)


def _tried(task: Task, trial: Trial, change: Change, until: float) -> Iterator[Trial]:
    """The trial with this experiment, and where it helped with narrower ones until one of them does too."""
    outer = _once(task, change, until)
    trial = replace(trial, experiments=(*trial.experiments, outer), blocker=_blocker(task, change, outer) if outer.memorised else trial.blocker)
    yield trial
    for narrower in change.narrower if outer.memorised else ():
        if time.perf_counter() >= until:
            break
        inner = _once(task, narrower, until)
        blocker = _blocker(task, narrower, inner) if inner.memorised else trial.blocker
        trial = replace(trial, experiments=(*trial.experiments, inner), blocker=blocker)
        yield trial
        if inner.memorised:
            break


def _once(task: Task, change: Change, until: float) -> Experiment:
    return experiment(task, change.name, change.apply, OwnAdam(task.setup, RATE, change.names), until, give_up=True)


def _blocker(task: Task, change: Change, helped: Experiment) -> Blocker:
    """What it fell to; and where that is not much, what makes it enough."""
    start, floor = task.reference or 0.0, task.floor.value or 0.0
    right = "" if start - (helped.lowest or 0.0) >= ENOUGH * (start - floor) else ", with every class right"
    return Blocker(f"with {change.name} it falls to {helped.lowest:.3g} in {helped.steps} steps{right}", change.location, change.advice)
