"""What each batch of an update started from, so that this rank can do it once more, by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from torch import nn

from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.training.trainer.alarms.draws import SeldomRead

MOST = 16  # batches of one update that are remembered; our choice: each costs a copy of the buffers and the random states


class Begun(NamedTuple):
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
        self._held: list[tuple[Any, Snapshot]] = []
        self.left_out = 0  # batches of this update that were too many
        self._models, self._pool = tuple(models), list[Snapshot]()
        self._random = SeldomRead(next((p.device.type for model in self._models for p in model.parameters()), "cpu"))

    def take(self, batch: Any) -> None:
        """A batch is about to be passed."""
        number = len(self._held)
        if number == MOST:
            self.left_out += 1
            return
        if number == len(self._pool):
            self._pool.append(Snapshot(self._models, weights=False, random=self._random, autocast=False).renew())
        snapshot = self._pool[number]
        if not (snapshot.stands() and self._random.still()):
            snapshot.renew()
        self._held.append((batch, snapshot))

    @property
    def held(self) -> list[Begun]:
        """The batches of this update so far."""
        return [Begun(number, batch, snapshot) for number, (batch, snapshot) in enumerate(self._held)]

    def doubt(self) -> str:
        """What may not be as it was when a batch is passed once more, in a sentence; empty: nothing. To be asked when it was passed."""
        names = ", ".join(name.removeprefix("random state: ") for name in self._random.unsure())
        return f"the first random numbers of {names} were drawn in this step or shortly before it: a replay may draw others" if names else ""

    def over(self) -> None:
        """The update was made; its batches are let go."""
        self._held.clear()
        self.left_out = 0
