"""Small trainings in which something stops being finite, each with its fixed twin, and sound ones with legal infinities.

    @sick_nan("loss", "ND308")
    def logarithm_of_a_saturated_sigmoid(sick):
        def batch_loss(setup, batch):
            ...
            return -(y * p.log()).mean()  # guilty
        return training(model, batch_loss=batch_loss)

The origin must lie on a line that ends in `# guilty`; without such a line in the function, `where=` names a part of its
location, parameter or detail. On those with `held_out=True` nothing is tuned: they are for counting.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import torch

from nbdebug import TrainingSetup


@dataclass(frozen=True)
class NanPatient:
    name: str
    phase: str  # "" for a sound one
    code: str  # the only alarm it must get
    where: str  # must be part of what the origin says of its place
    guilty: frozenset[int]  # lines of its file, one of which must be the origin's; empty: any
    sample: int | None  # dataset index that the origin must name
    column: int | None
    held_out: bool
    build: Callable[[], TrainingSetup]
    file: str


SICK: list[NanPatient] = []
SOUND: list[NanPatient] = []


def sick_nan(
    phase: str, code: str, *, where: str = "", sample: int | None = None, column: int | None = None, held_out: bool = False
) -> Callable:
    def register(build: Callable[[bool], TrainingSetup]) -> Callable[[bool], TrainingSetup]:
        lines, first = inspect.getsourcelines(build)
        guilty = frozenset(first + i for i, line in enumerate(lines) if line.rstrip().endswith("# guilty"))
        name, file = build.__name__, inspect.getfile(build)
        SICK.append(NanPatient(name, phase, code, where, guilty, sample, column, held_out, lambda: _seeded(build, True), file))
        mended = f"{name}, mended"
        SOUND.append(NanPatient(mended, "", "", "", frozenset(), None, None, held_out, lambda: _seeded(build, False), file))
        return build

    return register


def sound_nan(build: Callable[[], TrainingSetup]) -> Callable[[], TrainingSetup]:
    SOUND.append(NanPatient(build.__name__, "", "", "", frozenset(), None, None, len(SOUND) % 2 == 1, lambda: _seeded(build), ""))
    return build


def _seeded(build: Callable[..., TrainingSetup], *given: bool) -> TrainingSetup:
    torch.manual_seed(0)
    return build(*given)
