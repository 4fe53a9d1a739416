"""Small trainings: sick ones wearing the codes of their one trouble, each with its fixed twin, and sound ones.

    @patient("ND401", where="torch.nn.functional.softmax")
    def softmax_before_cross_entropy(sick):
        ...                       # sick=False builds the fixed twin, which must raise no alarm
        return TrainingSetup(...)

    @sound
    def frozen_trunk():
        ...                       # looks sick, is not: no error and no warning
        return TrainingSetup(...)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from nbdebug import TrainingSetup


@dataclass(frozen=True)
class Patient:
    name: str
    codes: frozenset[str]  # the alarms it must get, no more and no fewer
    where: str  # must be part of str(finding.location) of one of them
    build: Callable[..., TrainingSetup]


SICK: list[Patient] = []
SOUND: list[Patient] = []


def patient(*codes: str, where: str = "") -> Callable:
    def register(build: Callable[[bool], TrainingSetup]) -> Callable[[bool], TrainingSetup]:
        def seeded(sick: bool) -> TrainingSetup:
            torch.manual_seed(0)
            return build(sick)

        name = build.__name__
        SICK.append(Patient(name, frozenset(codes), where, lambda: seeded(True)))
        SOUND.append(Patient(f"{name}, mended", frozenset(), "", lambda: seeded(False)))
        return seeded

    return register


def sound(build: Callable[[], TrainingSetup]) -> Callable[[], TrainingSetup]:
    def seeded() -> TrainingSetup:
        torch.manual_seed(0)
        return build()

    SOUND.append(Patient(build.__name__, frozenset(), "", seeded))
    return seeded
