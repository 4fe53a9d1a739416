"""What the questions after the pass may use beside the splits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from nbdebug.data.split import Split
from nbdebug.training_setup import TrainingSetup


@dataclass(frozen=True)
class Context:
    """The same for every question."""

    setup: TrainingSetup | None  # None: the data came without a model
    deadline: float | None  # of time.perf_counter(); None: take as long as needed
    whole: bool  # False in a checkup, where only what is cheap is asked
    loaders: tuple[Any, ...] = ()  # train's, then val's, as the user made them
    ignored: tuple[int, ...] = ()  # labels that the loss leaves out

    @property
    def left(self) -> float:
        """Seconds until the deadline, inf without one."""
        return float("inf") if self.deadline is None else self.deadline - time.perf_counter()


@dataclass(frozen=True)
class Flag:
    """Samples that somebody should see."""

    split: str  # name
    ids: tuple[int, ...]  # as in Split.ids
    reason: str  # in a few words: "all black", "also in val"


def both(train: Split, val: Split | None) -> tuple[Split, ...]:
    """The splits that there are."""
    return (train,) if val is None else (train, val)
