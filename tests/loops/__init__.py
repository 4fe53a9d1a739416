"""Small training loops: sick ones wearing the codes of their one trouble, each with its fixed twin, and sound ones.

    @sick_loop("ND603")
    def gradients_pile_up(sick):
        ...
        for inputs, targets in loader:
            if not sick:
                optimizer.zero_grad()
            loss_fn(model(inputs), targets).backward()  # guilty
            optimizer.step()

    @sound_loop
    def two_optimizers():
        ...

The finding must lie on a line that ends in `# guilty`; `where=` names a part of the location instead, or as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class LoopPatient:
    name: str
    codes: frozenset[str]  # the alarms it must get, no more and no fewer
    where: str  # must be part of str(finding.location) of one of them
    guilty: frozenset[int]  # lines of its file, one of which must be the finding's; empty: any
    run: Callable[[], object]
    file: str


SICK: list[LoopPatient] = []
SOUND: list[LoopPatient] = []


def sick_loop(*codes: str, where: str = "") -> Callable:
    def register(run: Callable[[bool], object]) -> Callable[[bool], object]:
        lines, first = inspect.getsourcelines(run)
        guilty = frozenset(first + i for i, line in enumerate(lines) if line.rstrip().endswith("# guilty"))
        SICK.append(LoopPatient(run.__name__, frozenset(codes), where, guilty, lambda: _seeded(run, True), inspect.getfile(run)))
        SOUND.append(LoopPatient(f"{run.__name__}, mended", frozenset(), "", frozenset(), lambda: _seeded(run, False), ""))
        return run

    return register


def sound_loop(run: Callable[[], object]) -> Callable[[], object]:
    SOUND.append(LoopPatient(run.__name__, frozenset(), "", frozenset(), lambda: _seeded(run), ""))
    return run


def _seeded(run: Callable[..., object], *given: bool) -> object:
    torch.manual_seed(0)
    return run(*given)
