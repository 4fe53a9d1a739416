"""The random states that a batch begins with, of which those that no batch draws from are read only now and then.

Most trainings draw from torch's generator or from none. Reading the others too costs a step that is short 30 µs, for nothing.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nbdebug.nonfinite.kept.random_states import RandomStates
from nbdebug.untouched.process import Setting

FIRST = 8  # batches that are all looked at
SELDOM = 32  # batches from one look to the next, where nothing has moved yet; our choice: a thirtieth of the cost


class SeldomRead(RandomStates):
    """What has moved once from one batch to another is read before every batch from then on."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        self._count = 0
        self._last: list[tuple[Setting, Any]] = []
        self._moving: list[int] = []  # places in it

    def read(self) -> list[tuple[Setting, Any]]:
        self._count += 1
        if self._count <= FIRST or self._count % SELDOM == 0:
            self._look()
        else:
            for place in self._moving:
                setting = self._last[place][0]
                self._last[place] = setting, setting.read()
        return list(self._last)

    def still(self) -> bool:
        """Whether the next `read` would give what the last one gave; it then counts as read."""
        if self._moving or self._count < FIRST or (self._count + 1) % SELDOM == 0:
            return False
        self._count += 1
        return True

    def unsure(self) -> tuple[str, ...]:
        """Names of states that have moved for the first time since the last look: whether before the batch or in it, nobody knows."""
        if self._count <= FIRST or self._count % SELDOM == 0:
            return ()
        still = [one for place, one in enumerate(self._last) if place not in self._moving]
        return tuple(setting.name for setting, state in still if not _same(state, setting.read()))

    def _look(self) -> None:
        before, self._last = self._last, super().read()
        if len(before) != len(self._last):  # the first look, or a device was used for the first time
            self._moving = list(range(len(self._last))) if before else []
            return
        moved = [place for place, (one, other) in enumerate(zip(before, self._last, strict=True)) if not _same(one[1], other[1])]
        self._moving = sorted({*self._moving, *moved})


def _same(one: Any, other: Any) -> bool:
    """Whether a state stood still; one of which that cannot be said moves."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, list) and isinstance(other, list):  # of several devices
        return len(one) == len(other) and all(map(_same, one, other))
    return one is other
