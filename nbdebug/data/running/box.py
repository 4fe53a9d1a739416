"""Time that experiments share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Box:
    """A time box that several experiments share.

    Attributes:
        seconds: by the clock; of this thread's own work, where `patience` is given, so that a busy machine does not leave questions out.
        patience: seconds by the clock that may pass at most; None: `seconds` are those.
    """

    seconds: float
    patience: float | None = None
    started: float = field(default_factory=time.perf_counter)
    worked: float = field(default_factory=time.thread_time)

    @property
    def left(self) -> float:
        passed = time.perf_counter() - self.started
        if self.patience is None:
            return self.seconds - passed
        return min(self.seconds - (time.thread_time() - self.worked), self.patience - passed)

    def part(self, share: float, *, least: float = 0.0) -> Box:
        """A box of this share of it, or of `least` seconds where that is more; of no more than is left."""
        patience = None if self.patience is None else max(0.0, self.patience - (time.perf_counter() - self.started))
        return Box(max(0.0, min(self.left, max(share * self.seconds, least))), patience)
