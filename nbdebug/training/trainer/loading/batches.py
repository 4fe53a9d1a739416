"""The batches of a loader for one rank, epoch by epoch, from any place on."""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nbdebug.errors import CheckpointError
from nbdebug.training.trainer.loading.dealing import Weighed

KNOWN = 64  # batches whose indices are known; our choice: more than an update is made of, whose batches are looked at again


class Place(NamedTuple):
    """How far the data has been gone through."""

    epoch: int = 0
    batches: int = 0  # of one rank, done in this epoch
    items: int = 0  # of the order, done in this epoch by all ranks together
    world_size: int = 1


class Delivered(NamedTuple):
    """One rank's next batch."""

    batch: Any
    weight: float  # of its loss in the update
    samples: int | None  # that count, of this rank; None: batches come as they are, and were not counted
    ends: bool  # whether the update is due after it
    everyone: bool  # whether each rank has a part of what this was dealt from
    place: Place  # behind it


@dataclass(frozen=True)
class Dealing:
    """Who takes what."""

    rank: int = 0
    world_size: int = 1
    seed: int = 0
    accumulate: int = 1  # batches that make an update
    train: bool = True  # every rank has equally many batches; False: no rank gets a sample that another has
    all_have: Callable[[bool], bool] | None = None  # asks all ranks whether each has a next batch; None: there is one rank


class Batches(ABC):
    """What the loop reads.

    As an iterable it gives the bare batches, each time those of the next epoch, for a loop of the user's own.
    """

    how: str  # how it is shared by the ranks, in a sentence
    length: int | None  # batches of one rank in an epoch; None: nobody knows

    def __init__(self, dealing: Dealing) -> None:
        self.dealing = dealing
        self.place = Place(world_size=dealing.world_size)
        self._late: deque[tuple[int, Sequence[int]]] = deque(maxlen=KNOWN)  # id of a batch, and what it is made of

    def indices_of(self, batch: Any) -> tuple[int, ...] | None:
        """Where in the dataset the samples of a batch are that was delivered lately, and is still held; None: nobody knows."""
        found = next((indices for known, indices in reversed(self._late) if known == id(batch)), None)
        return tuple(map(int, found)) if found and all(isinstance(index, numbers.Integral) for index in found) else None

    def epoch(self, start: Place) -> Iterator[Delivered]:
        """The rest of an epoch.

        Raises:
            CheckpointError: the place was kept by another number of ranks, and this kind of data cannot be gone on with by these.
        """
        self._demand_reachable(start)
        ranks, late, indices_of = self.dealing.world_size, self._late, self._indices
        epoch, done, items, _ = start
        for batch, samples, part in self._read(start._replace(world_size=ranks)):
            (_, _, of), weight, ends = part
            if (indices := indices_of(part)) is not None:
                late.append((id(batch), indices))
            done, items = done + 1, items + of
            yield Delivered(batch, weight, samples, ends, of >= ranks, Place(epoch, done, items, ranks))

    def close(self) -> None:
        """Ends its workers, where it has any that stay."""
        return

    @abstractmethod
    def _read(self, start: Place) -> Iterator[tuple[Any, int | None, Weighed]]:
        """Each batch, how many samples of it count, and the part that it is of."""

    def _indices(self, part: Weighed) -> Sequence[int] | None:
        """Of the dataset, of the samples of a part; None: there are none."""
        return None

    def _demand_reachable(self, start: Place) -> None:
        """Where parts are read one after the other, the parts of another number of ranks are other parts."""
        if start.batches and start.world_size != self.dealing.world_size:
            raise CheckpointError(
                f"the checkpoint was made by {start.world_size} ranks in the middle of an epoch, and this data can only be read from its beginning: "
                f"go on with num_processes={start.world_size}"
            )

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError("how many batches this loader has is not known before they are read")
        return self.length

    def __iter__(self) -> Iterator[Any]:
        for delivered in self.epoch(self.place):
            self.place = delivered.place
            yield delivered.batch
        self.place = Place(epoch=self.place.epoch + 1, world_size=self.dealing.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Where the next pass begins."""
        self.place = Place(epoch=epoch, world_size=self.dealing.world_size)

    def state_dict(self) -> dict[str, int]:
        """The place, for a checkpoint of the user's own."""
        return self.place._asdict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next pass goes on there."""
        self.place = Place(**state)
