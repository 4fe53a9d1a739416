"""Time that experiments share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Box:
    """A time box that several experiments share."""

    seconds: float
    started: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> float:
        return self.seconds - (time.perf_counter() - self.started)

    def part(self, share: float, *, least: float = 0.0) -> Box:
        """A box of this share of it, or of `least` seconds where that is more; of no more than is left."""
        return Box(max(0.0, min(self.left, max(share * self.seconds, least))))
