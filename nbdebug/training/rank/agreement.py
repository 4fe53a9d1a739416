"""All ranks obey the same wish at the same step, though it reached them at different moments.

A rank that stopped alone would leave the others waiting in their next all-reduce for ever. So the ranks compare what each has heard: not at every
step, but at calls that they have agreed on, about 200 ms apart, by one all-reduce of five numbers on a group of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbdebug.training.rank.inbox import Heard, Inbox

EVERY = 0.2  # seconds between two agreements; our choice: a Stop is felt at once, and one costs 0.2 ms, on a machine that is busy 2 ms
PAUSED = 0.05  # the same while they wait
MOST_CALLS = 64  # between two agreements, however quick they were: the next ones may be slow


@dataclass(frozen=True)
class Wishes:
    """What all ranks do at this step."""

    stop: str = ""  # the reason; empty: go on
    checkpoint: bool = False
    snapshot: tuple[int, str] | None = None  # (rank, token)
    pause: bool = False


NONE = Wishes()


class Agreement:
    """Called once a step by every rank, in the same order.

    Args:
        inbox: what this rank has heard.
        group: a gloo group of all ranks that nothing else uses; None: there is one rank.
        clock: seconds.
    """

    def __init__(self, inbox: Inbox, group: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._inbox, self._group, self._clock = inbox, group, clock
        self._calls, self._next = 0, 0
        self._last_calls, self._last_at = 0, clock()
        self._checkpoints_done = 0
        self._taken: set[str] = set()  # tokens of snapshots
        self._done_with: Heard | None = None  # of one rank: what it has heard and done

    def __call__(self, at_once: bool = False) -> Wishes:
        """The wishes that all ranks now follow.

        Args:
            at_once: whether the ranks compare now, agreed or not; all must say the same.
        """
        self._calls += 1
        if self._group is None:
            return self._alone()
        if not at_once and self._calls < self._next:
            return NONE
        seconds = (self._clock() - self._last_at) / max(1, self._calls - self._last_calls)
        heard, slowest = self._compared(self._inbox.heard, seconds)
        self._last_calls, self._last_at = self._calls, self._clock()
        self._next = self._calls + min(MOST_CALLS, max(1, int(EVERY / max(slowest, 1e-6))))
        return self._wishes(heard)

    def _alone(self) -> Wishes:
        heard = self._inbox.heard
        if heard is self._done_with:
            return NONE
        wishes = self._wishes(heard)
        if wishes is NONE:
            self._done_with = heard
        return wishes

    def _compared(self, mine: Heard, seconds: float) -> tuple[Heard, float]:
        """What any rank has heard, and the slowest rank's seconds a call."""
        import torch
        import torch.distributed as dist

        waiting = sum(token not in self._taken for _, token in mine.snapshots)
        numbers = torch.tensor([mine.stops, mine.checkpoints, 2 * mine.pauses + mine.paused, waiting, seconds], dtype=torch.float64)
        dist.all_reduce(numbers, dist.ReduceOp.MAX, group=self._group)
        stops, checkpoints, pauses, waiting = (int(n) for n in numbers[:4].tolist())
        words = self._words(mine) if stops or waiting else [(mine.reason, mine.snapshots)]
        reason = next((reason for reason, _ in words if reason), "")
        snapshots = tuple(dict.fromkeys(tuple(one) for _, told in words for one in told))
        return Heard(stops, reason, checkpoints, pauses // 2, bool(pauses % 2), snapshots), float(numbers[4])

    def _words(self, mine: Heard) -> list[Any]:
        """What numbers cannot say, of all ranks; asked for only when there is something."""
        import torch.distributed as dist

        everyone: list[Any] = [None] * dist.get_world_size(self._group)
        dist.all_gather_object(everyone, (mine.reason, mine.snapshots), group=self._group)
        return everyone

    def _wishes(self, heard: Heard) -> Wishes:
        checkpoint = heard.checkpoints > self._checkpoints_done
        self._checkpoints_done = max(self._checkpoints_done, heard.checkpoints)
        snapshot = next((one for one in heard.snapshots if one[1] not in self._taken), None)
        if snapshot is not None:
            self._taken.add(snapshot[1])
        wishes = Wishes(heard.reason if heard.stops else "", checkpoint, snapshot, heard.paused)
        return NONE if wishes == NONE else wishes
