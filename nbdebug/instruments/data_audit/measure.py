"""The instrument: a pass over train_loader, a shorter one over val_loader, ever fuller."""

from __future__ import annotations

import time
from collections.abc import Iterator

from nbdebug.errors import BatchError, NbdebugError, StepError
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.data_audit.columns import ColumnTally
from nbdebug.instruments.data_audit.panels import pictures
from nbdebug.instruments.data_audit.reading import Reading
from nbdebug.instruments.data_audit.result import DataLook
from nbdebug.training_setup import TrainingSetup

VAL_SHARE = 0.2  # of the batches and of the time that train_loader gets
REFRESH = 0.3  # seconds between two results, while reading goes on


@instrument("train_loader", title="data", level="data", result=DataLook)
def data_audit(setup: TrainingSetup, *, batches: int = 50, seconds: float = 10.0) -> Iterator[DataLook]:
    """What the loaders deliver: scale, labels, balance, order, non-finite values.

    Reads the loaders as training would, and one batch as model and loss see it.

    Args:
        batches: read at most this many of train_loader, and a fifth of them of val_loader.
        seconds: stop reading train_loader after this time, val_loader after a fifth of it.

    Raises:
        SetupError: a loader is empty or can be read only once.
        BatchError: inputs and targets of a batch cannot be told apart.
        StepError: the dataset or the collate function raised in the first batch; the message names the sample where it
            is known. Later it is a finding, ND312.
    """
    demand_at_least(1, batches=batches)
    train = Reading(setup, "train_loader", batches=batches, seconds=seconds)
    yield from _ever_fuller([train], train)
    if setup.val_loader is None:
        return
    val = Reading(setup, "val_loader", batches=max(1, round(batches * VAL_SHARE)), seconds=seconds * VAL_SHARE)
    yield from _ever_fuller([train, val], val)


def _ever_fuller(readings: list[Reading], running: Reading) -> Iterator[DataLook]:
    shown = 0.0
    try:
        for _ in running.run():
            if time.perf_counter() - shown > REFRESH:
                yield _look(readings)
                shown = time.perf_counter()
    except NbdebugError as error:  # what was read before it must not be lost
        if not readings[0].number:
            raise
        running.error, running.raised = str(error), isinstance(error, (StepError, BatchError))
    yield _look(readings)


def _look(readings: list[Reading]) -> DataLook:
    train = readings[0]

    def tally_of(name: str) -> ColumnTally | None:
        return train.tallies[name].columns if name in train.tallies else None

    return DataLook(
        loaders=tuple(reading.look() for reading in readings),
        layers=tuple(receiver.look(tally_of) for receiver in train.receivers),
        loss=train.loss, step_error=train.step_error, pictures=pictures(train.first),
    )  # fmt: skip
