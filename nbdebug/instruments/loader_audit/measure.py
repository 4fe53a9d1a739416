"""The instrument: experiments on a handful of samples of each loader, then the clock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch.utils.data import DataLoader, RandomSampler

from nbdebug.data.no_model import NoModel
from nbdebug.data.running import Box, LoaderRun, Raised, Running, SpeedLook, Trial, WorkersFailed, run_looks
from nbdebug.data.running.clock import step_seconds
from nbdebug.data.running.costs import costs_of
from nbdebug.data.running.counters import put_back
from nbdebug.data.running.hearing import ready
from nbdebug.data.running.raising import culprit
from nbdebug.data.running.trials import ENOUGH, cores_here, others, trial
from nbdebug.data.running.twin import batch_seconds
from nbdebug.errors import SetupError, first_line
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.loader_audit.result import LoaderLooks
from nbdebug.instruments.loader_audit.waiting import STEP
from nbdebug.instruments.of_data import OfData
from nbdebug.training_setup import TrainingSetup

FEW = 2  # samples of a brief look, and
BRIEF, PATIENT = 0.15, 1.0  # seconds of work at most for all experiments on them, and by the clock
PATIENCE = 0.1  # of the budget, for the first reading of samples of each loader
EXPERIMENTS, WORKERS = 0.3, 0.15  # of the budget, for train_loader; for val_loader half as much for experiments, and no workers
TUNED = 0.5  # of that where other configurations are to be measured as well
OWN, COSTS = 0.2, 0.05  # of the budget: the user's configuration, the transforms
OTHERS = 0.6  # of what is then left for other configurations; with tune nearly all
UNLIMITED = 60.0  # seconds, where no budget is given: the measurements need some


class LoaderAudit(OfData):
    """In a checkup it is brief, and measures no time."""

    briefly = {"speed": False, "samples": FEW}


@instrument("train_loader", title="loader", level="data", result=LoaderLooks, made=LoaderAudit)
def loader_audit(
    setup: TrainingSetup, *, speed: bool = True, tune: bool = False, samples: int = 6, budget: float | None = "20 s",
) -> Iterator[LoaderLooks]:  # fmt: skip
    """The loader as it runs: transforms, random augmentation in workers and epochs, integers that wrap round, and the clock.

    Experiments on a handful of samples: read again with other random numbers, exchanged for a marker on their way, read by a twin of
    the loader with worker processes of its own. It also takes a loader alone: nbdebug.loader_audit(loader, val=…).

    Args:
        speed: whether to measure how fast it is, where the time of a sample goes, and how long the model would wait.
        tune: whether to measure other num_workers, prefetch_factor, pin_memory and persistent_workers, and to name the best.
        samples: that each experiment reads.
        budget: seconds for all of it, exceeded by one sample at most; what there was no time for is said. With `tune` more of them
            give less noise.

    Raises:
        SetupError: the loader can be read only once, or the data is nothing that gives samples.
    """
    demand_at_least(1, samples=samples)
    if isinstance(setup.train_loader, Iterator):
        raise SetupError(f"train_loader is a {type(setup.train_loader).__name__}, which can be read only once: pass the DataLoader")
    ready()
    brief = samples <= FEW and not speed
    seconds = UNLIMITED if budget is None else budget
    alone = isinstance(setup.model, NoModel)
    named = [("data" if alone else "train_loader", setup.train_loader), ("val" if alone else "val_loader", setup.val_loader)]
    with contextlib.ExitStack() as stack:
        for _, loader in named:
            stack.enter_context(put_back(getattr(loader, "dataset", None)))
        yield from _audited(named, setup, samples=samples, brief=brief, seconds=seconds, speed=speed, tune=tune)


def _audited(
    named: list[tuple[str, Any]], setup: TrainingSetup, *, samples: int, brief: bool, seconds: float, speed: bool, tune: bool
) -> Iterator[LoaderLooks]:
    found: list[LoaderRun] = []
    running, box = None, Box(seconds)
    for number, (name, loader) in enumerate(named):
        if loader is None:
            continue
        asked = Running(loader, name, samples=samples, brief=brief, patience=PATIENCE * seconds)
        running = running or asked
        few = TUNED if tune else 1.0
        own = Box(min(BRIEF, seconds), min(PATIENT, seconds)) if brief else box.part(few * EXPERIMENTS / (1 + number))
        later = Box(own.seconds, own.patience) if brief else box.part(few * (EXPERIMENTS + WORKERS))
        workers = later if number == 0 and (speed or asked.workers > 0) else None
        for look in run_looks(asked, box=own, workers=workers):
            yield LoaderLooks((*found, look), brief, why_no_speed="it is still running")
        found.append(look)
    looks = LoaderLooks(tuple(found), brief)
    if not speed and not tune:
        yield replace(looks, why_no_speed="speed is measured by nbdebug.loader_audit alone, not in a checkup" if brief else "speed=False")
        return
    yield from _timed(looks, setup, running, box, tune=tune)


def _timed(looks: LoaderLooks, setup: TrainingSetup, running: Running, box: Box, *, tune: bool) -> Iterator[LoaderLooks]:
    if not isinstance(running.loader, DataLoader):
        yield replace(looks, why_no_speed=running.why_not)
        return
    try:
        own = trial(running, box.part(OWN, least=ENOUGH * batch_seconds(running)), repeats=3 if tune else 2)
    except WorkersFailed as failed:
        raised = culprit(running, failed.raised, box.left / 3)
        train = replace(looks.train, raised=_with(looks.train.raised, raised))
        yield replace(looks, loaders=(train, *looks.loaders[1:]), why_no_speed=str(failed))
        return
    except Exception as error:
        yield replace(looks, why_no_speed=f"it stopped: {type(error).__name__}: {first_line(error)}")
        return
    step, move = step_seconds(setup, running, box)
    costs = costs_of(running, box.part(COSTS)) if running.indices else ()
    late = () if step is not None or isinstance(setup.model, NoModel) or box.left > own.first_batch else (STEP,)
    look = SpeedLook(running.name, own, (), costs, step, move, cores_here(), _epoch_batches(running.loader), late)
    yield replace(looks, speed=look)
    if tune or (look.waiting or 0.0) > 0.5:
        for other in others(running, Box((0.9 if tune else OTHERS) * max(0.0, box.left)), tune=tune):
            look = _and(look, other)
            yield replace(looks, speed=look, call=_call(running.loader, look.best))
    if look.best is not None and box.left > own.first_batch:
        look = replace(look, own=_again(own, running, box.part(OWN)))
    yield replace(looks, speed=look, call=_call(running.loader, look.best))


def _and(look: SpeedLook, other: Trial | str) -> SpeedLook:
    """With another configuration, or with why there is none."""
    if isinstance(other, Trial):
        return replace(look, others=(*look.others, other))
    return replace(look, not_measured=(*look.not_measured, other))


def _again(own: Trial, running: Running, box: Box) -> Trial:
    """The faster of two measurements of the user's configuration: the machine may have been busy with something else before."""
    try:
        return min(own, trial(running, box, repeats=2), key=lambda one: one.batch_seconds)
    except Exception:  # it worked a moment ago; what was measured then stands
        return own


def _epoch_batches(loader: DataLoader) -> int | None:
    try:
        return len(loader)
    except Exception:  # an iterable dataset, or a __len__ of the user's
        return None


def _with(raised: tuple[Raised, ...], new: Raised | None) -> tuple[Raised, ...]:
    """What raised, the sample in place of the worker that only passed it on."""
    if new is None:
        return raised
    return (*[old for old in raised if old.where.startswith("dataset index") and old != new], new)


def _call(loader: DataLoader, best: Trial | None) -> str:
    """The loader with the better options, to be pasted."""
    if best is None:
        return ""
    said = [f"batch_size={loader.batch_size}"] if loader.batch_size is not None else []
    said += ["shuffle=True"] if isinstance(loader.sampler, RandomSampler) else []
    said += ["drop_last=True"] if loader.drop_last else []
    return f"DataLoader(dataset, {', '.join([*said, best.options()])})"
