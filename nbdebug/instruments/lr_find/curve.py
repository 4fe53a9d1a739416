"""A sweep's curve, smoothed without lag, and its landmarks. Plain numbers in, plain numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence

WEIGHT = 0.75  # of what came before; our choice: it averages over some four steps each way, a third of a decade of the default sweep


def smoothed(values: Sequence[float]) -> tuple[float, ...]:
    """De-biased exponential means from both ends, averaged: no lag, and no pull towards 0 at the ends."""
    there, back = _exponential(values), _exponential(values[::-1])[::-1]
    return tuple((a + b) / 2 for a, b in zip(there, back, strict=True))


def _exponential(values: Sequence[float]) -> list[float]:
    mean, weight, means = 0.0, 0.0, []
    for value in values:
        if math.isfinite(value):
            mean, weight = WEIGHT * mean + (1 - WEIGHT) * value, WEIGHT * weight + 1 - WEIGHT
        means.append(mean / weight if weight else math.nan)
    return means


def diverges_from(rates: Sequence[float], excess: Sequence[float], *, blew_up: bool) -> float | None:
    """The lowest rate after which the loss was never again below its start; None when it ended below."""
    last = max((i for i, e in enumerate(excess) if e <= 0), default=-1)
    if not blew_up or last + 1 >= len(rates):
        return rates[-1] if blew_up and rates else None
    return rates[last + 1]
