"""Small data sets without a model: sick ones wearing the codes of their one trouble, each with its fixed twin, and sound ones.

    @dataset("ND105", where="dataset index 3")
    def validation_copied_from_training(sick):
        ...                                  # sick=False builds the fixed twin, which must raise no alarm
        return {"data": train, "val": val}   # arguments of nbdebug.data_audit

    @sound
    def digits():
        ...                                  # looks sick, is not: no error and no warning
        return {"data": …}
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import torch


@dataclass(frozen=True)
class Case:
    name: str
    codes: frozenset[str]  # the alarms it must get, no more and no fewer
    where: str  # must be part of str(finding.location) of one of them
    by: str  # the instrument: "data_audit" or "loader_audit"
    build: Callable[[], dict[str, Any]]


SICK: list[Case] = []
SOUND: list[Case] = []


def dataset(*codes: str, where: str = "", by: str = "data_audit") -> Callable:
    def register(build: Callable[[bool], dict[str, Any]]) -> Callable[[bool], dict[str, Any]]:
        SICK.append(Case(build.__name__, frozenset(codes), where, by, lambda: _seeded(build, True)))
        SOUND.append(Case(f"{build.__name__}, mended", frozenset(), "", by, lambda: _seeded(build, False)))
        return build

    return register


def sound(build: Callable[[], dict[str, Any]], by: str = "data_audit") -> Callable[[], dict[str, Any]]:
    SOUND.append(Case(build.__name__, frozenset(), "", by, lambda: _seeded(build)))
    return build


def _seeded(build: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    numpy.random.seed(0)
    random.seed(0)
    return build(*args)
