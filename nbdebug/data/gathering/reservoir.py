"""An even sample of the rows of a stream whose end is not known."""

from __future__ import annotations

import numpy

SEED = 20  # our own generator: the user's random states are not ours to move


class Reservoir:
    """Which rows of each chunk are kept, and in which slot. Every row read so far is equally likely to be in one.

    Vitter, Random sampling with a reservoir (1985), algorithm R, a chunk at a time.
    """

    def __init__(self, slots: int) -> None:
        self.slots, self.seen = slots, 0
        self.ids = numpy.zeros(slots, numpy.int64)
        self.turn = numpy.zeros(slots, numpy.int64)  # when it was delivered
        self._random = numpy.random.default_rng(SEED)

    def choose(self, ids: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        """(slots, rows): row `rows[i]` of this chunk goes into `slots[i]`; of one slot the last counts."""
        turns = numpy.arange(self.seen, self.seen + len(ids))
        slots = numpy.where(turns < self.slots, turns, (self._random.random(len(ids)) * (turns + 1)).astype(numpy.int64))
        rows = numpy.flatnonzero(slots < self.slots)
        slots = slots[rows]
        self.ids[slots], self.turn[slots] = ids[rows], turns[rows]
        self.seen += len(ids)
        return slots, rows

    @property
    def order(self) -> numpy.ndarray:
        """(K,) the filled slots in the order of delivery."""
        return numpy.argsort(self.turn[: min(self.seen, self.slots)], kind="stable")
