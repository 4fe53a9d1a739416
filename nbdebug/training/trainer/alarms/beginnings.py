"""What each batch of an update started from, so that this rank can do it once more, by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from nbdebug.nonfinite.kept.snapshot import Snapshot

MOST = 16  # batches of one update that are remembered; our choice: each costs a copy of the buffers and the random states


@dataclass(frozen=True)
class Begun:
    """One batch and where it was begun. The weights are as they were for the whole update."""

    number: int  # within the update, from 0
    batch: Any
    snapshot: Snapshot  # buffers, modes, random states


class Beginnings:
    """Of the update that runs.

    Args:
        models: whose buffers, modes and carried values count.
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        self.held: list[Begun] = []
        self.left_out = 0  # batches of this update that were too many
        self._models, self._pool = tuple(models), list[Snapshot]()

    def take(self, batch: Any) -> None:
        """A batch is about to be passed."""
        number = len(self.held)
        if number == MOST:
            self.left_out += 1
            return
        if number == len(self._pool):
            self._pool.append(Snapshot(self._models, weights=False))
        self.held.append(Begun(number, batch, self._pool[number].renew(batch)))

    def over(self) -> None:
        """The update was made; its batches are let go."""
        for begun in self.held:
            begun.snapshot.hold(None)
        self.held.clear()
        self.left_out = 0
