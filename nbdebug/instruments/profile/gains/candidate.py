"""Something that may make the step faster or lighter, and how it is switched on for a while."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from nbdebug.training_setup import TrainingSetup

Switch = Callable[[TrainingSetup], AbstractContextManager[TrainingSetup]]


@dataclass(frozen=True)
class Candidate:
    """One change."""

    name: str
    code: str = ""  # to be pasted
    why_not: str = ""  # why it is not tried; empty when it is
    on: Switch = nullcontext  # gives the setup as it is with it, until the block ends
    prepared: Callable[[Any], Any] = lambda batch: batch  # what it does to a batch beforehand
    times: float = 1.0  # samples in its batch over those in the user's
    for_memory: bool = False  # whether memory is what it saves
    exact: bool = True  # whether the numbers must stay the same
    caution: str = ""
