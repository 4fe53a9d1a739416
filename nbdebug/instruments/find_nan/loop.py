"""What comes before and after a step: the next batch, and the schedulers whose moment it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch.optim import lr_scheduler

from nbdebug.loading import Delivered, read
from nbdebug.training_setup import TrainingSetup

EACH_STEP = ("OneCycleLR", "CyclicLR", "LambdaLR")  # how torch's documentation and transformers use them; the others step once an epoch


def delivered(setup: TrainingSetup) -> Iterator[tuple[Delivered, bool]]:
    """Batch after batch, beginning again where the loader ends, and whether a new pass begins with it."""
    while True:
        for number, batch in enumerate(read(setup.train_loader)):
            yield batch, number == 0


def advance(setup: TrainingSetup, loss: float, *, epoch: bool) -> None:
    """Steps the schedulers that belong to this moment: after a step, or at the end of a pass over the loader."""
    for scheduler in setup.schedulers:
        if (type(scheduler).__name__ in EACH_STEP) == epoch:
            continue
        with contextlib.suppress(ValueError):  # one with an end, such as OneCycleLR, has come to it
            scheduler.step(*([loss] if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else []))
