"""The instrument: one pass over each loader, ever fuller; then the questions that the passes can answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nbdebug.data.between import between
from nbdebug.data.classes import classes
from nbdebug.data.context import Context
from nbdebug.data.features import features
from nbdebug.data.fingerprint import fingerprint
from nbdebug.data.fixes import fixes
from nbdebug.data.no_model import NoModel
from nbdebug.data.samples import samples
from nbdebug.data.sources import Source, as_source
from nbdebug.data.structure import structure
from nbdebug.errors import BatchError, NbdebugError, StepError, first_line
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.data_audit.eye.columns import ColumnTally
from nbdebug.instruments.data_audit.eye.reading import Reading
from nbdebug.instruments.data_audit.result import DataLook
from nbdebug.instruments.of_data import OfData
from nbdebug.training_setup import TrainingSetup

QUESTIONS = {"structure": structure, "classes": classes, "between": between, "features": features}  # field of the result → who asks
TRAIN_SHARE, VAL_SHARE, ASKING_SHARE, DRAWING_SHARE = 0.45, 0.12, 0.39, 0.04  # of the time
NO_TIME = "there was no time left; give a larger budget"
VAL_BATCHES = 0.2  # of the batches that train_loader gets
REFRESH = 0.3  # seconds between two results, while reading goes on


class DataAudit(OfData):
    """Of a checkup it reads only the beginning."""

    briefly = {"batches": 50}


@instrument("train_loader", title="data", level="data", result=DataLook, made=DataAudit)
def data_audit(
    setup: TrainingSetup, *, batches: int | None = None, kind: str | None = None, target: str | None = None, budget: float | None = "10 s",
) -> Iterator[DataLook]:  # fmt: skip
    """The data before the model: structure, features, labels, what train and validation share, and what loss and layers get.

    Reads the loaders as training would, in one pass and bounded memory, and one batch as model and loss see it. It also takes data
    alone: nbdebug.data_audit(loader_or_dataset_or_frame, val=…, target="column").

    Args:
        batches: read at most this many of train_loader, and a fifth of them of val_loader; None: as many as the budget allows.
        kind: of the inputs, where nbdebug infers another: image, tokens, text, tabular, series, audio.
        target: the column or field that is to be predicted.
        budget: seconds for all of it; None reads everything.

    Raises:
        SetupError: a loader is empty or can be read only once, or the data is nothing that gives samples.
        BatchError: inputs and targets of a batch cannot be told apart.
        StepError: nothing of the first batch could be read; later, or of single samples, it is a finding, ND312.
    """
    if batches is not None:
        demand_at_least(1, batches=batches)
    deadline = None if budget is None else time.perf_counter() + (1 - DRAWING_SHARE) * budget
    alone = isinstance(setup.model, NoModel)
    train = Reading(
        setup, _source(setup, "train_loader", "data" if alone else "train_loader", kind, target), "train_loader",
        batches=batches, seconds=None if budget is None else budget * TRAIN_SHARE,
    )  # fmt: skip
    yield from _ever_fuller([train], train)
    readings = [train]
    if setup.val_loader is not None:
        val = Reading(
            setup, _source(setup, "val_loader", "val" if alone else "val_loader", kind, target), "val_loader",
            batches=None if batches is None else max(1, round(batches * VAL_BATCHES)),
            seconds=None if budget is None else max(0.0, min(VAL_SHARE * budget, deadline - time.perf_counter() - ASKING_SHARE * budget)),
        )  # fmt: skip
        readings.append(val)
        yield from _ever_fuller(readings, val)
    look = _look(readings)
    ignored = {labels.ignore_index for loader in look.loaders for _, labels in look.labels(loader) if labels.ignore_index is not None}
    yield from _asked(look, readings, Context(None if alone else setup, deadline, batches is None, (setup.train_loader, setup.val_loader), tuple(ignored)))


def _source(setup: TrainingSetup, field: str, name: str, kind: str | None, target: Any) -> Source:
    return as_source(getattr(setup, field), name, kind=kind, target=target)


def _ever_fuller(readings: list[Reading], running: Reading) -> Iterator[DataLook]:
    shown = 0.0
    try:
        for _ in running.run():
            if time.perf_counter() - shown > REFRESH:
                yield _look(readings)
                shown = time.perf_counter()
    except NbdebugError as error:  # what was read before it must not be lost
        if not readings[0].gather.batches:
            raise
        running.error, running.raised = str(error), isinstance(error, (StepError, BatchError))
        running.gather.stopped = running.error
    yield _look(readings)


def _asked(look: DataLook, readings: list[Reading], context: Context) -> Iterator[DataLook]:
    """The look with every question answered; one that cannot be takes no other with it."""
    splits = [reading.gather.split() for reading in readings]
    train, val = splits[0], splits[1] if len(splits) > 1 else None
    for name, question in QUESTIONS.items():
        look = _answered(look, name, lambda question=question: question(train, val, context), context)
        yield look
    answers = {name: getattr(look, name) for name in QUESTIONS}
    flags = tuple(flag for answer in answers.values() if hasattr(answer, "flagged") for flag in answer.flagged())
    look = _answered(look, "samples", lambda: samples(train, val, context, flags), context)
    look = _answered(look, "fixes", lambda: fixes(train, val, context, answers), context)
    yield _answered(look, "fingerprints", lambda: tuple(map(fingerprint, splits)), context)


def _answered(look: DataLook, name: str, ask: Callable[[], Any], context: Context) -> DataLook:
    if context.left <= 0:
        return replace(look, unanswered={**look.unanswered, name: NO_TIME})
    try:
        return replace(look, **{name: ask()})
    except Exception as error:
        return replace(look, unanswered={**look.unanswered, name: f"{type(error).__name__}: {first_line(error)}"})


def _look(readings: list[Reading]) -> DataLook:
    train = readings[0]

    def tally_of(name: str) -> ColumnTally | None:
        return train.tallies[name].columns if name in train.tallies else None

    return DataLook(
        loaders=tuple(reading.look() for reading in readings),
        layers=tuple(receiver.look(tally_of) for receiver in train.receivers),
        loss=train.loss, step_error=train.step_error,
    )  # fmt: skip
