"""Seconds of something that can be repeated, with their noise."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

LEAST = 3  # repetitions: the fewest that have a middle and two sides
MOST = 200  # more of them say nothing more


@dataclass(frozen=True)
class Timing:
    """A median of repetitions, and the middle half of them."""

    seconds: float  # the median
    low: float  # first quartile; with fewer than four repetitions the fastest
    high: float  # third quartile; with fewer than four the slowest
    repeats: int

    @classmethod
    def of(cls, taken: Sequence[float]) -> Timing:
        """The timing of at least one repetition."""
        if len(taken) < 4:
            return cls(statistics.median(taken), min(taken), max(taken), len(taken))
        low, middle, high = statistics.quantiles(taken, n=4, method="inclusive")
        return cls(middle, low, high, len(taken))

    @property
    def noise(self) -> float:
        """Half the width of the middle half, as a share of the median."""
        return (self.high - self.low) / 2 / self.seconds if self.seconds > 0 else 0.0


def timed(run: Callable[[], Any], device: torch.device, *, seconds: float, least: int = LEAST, most: int = MOST) -> Timing:
    """Repeats for about so many seconds. Whatever is slow only the first time has to be done before."""
    taken: list[float] = []
    started = time.perf_counter()
    while len(taken) < least or (len(taken) < most and time.perf_counter() - started < seconds):
        taken.append(once(run, device))
    return Timing.of(taken)


def once(run: Callable[[], Any], device: torch.device) -> float:
    """Seconds of one run, until the device has done all of it."""
    wait(device)
    started = time.perf_counter()
    run()
    wait(device)
    return time.perf_counter() - started


def wait(device: torch.device) -> None:
    """Until the device has done all that was asked of it; the CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
