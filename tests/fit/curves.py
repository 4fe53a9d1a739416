"""Curves drawn by hand: patients, their twins, and sound look-alikes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

History = dict[str, list[float]]


def falling(n: int, top: float = 2.3, pace: float = 0.1, floor: float = 0.2, spread: float = 0.01, seed: int = 0) -> list[float]:
    """An exponential of so many points; pace is the share of the run in which it loses most."""
    draw = random.Random(seed)
    return [floor + (top - floor) * math.exp(-i / (pace * n)) + draw.gauss(0, spread) for i in range(n)]


def overfitting(n: int = 40, slope: float = 0.04) -> History:
    turn = n // 4
    return {"train_loss": falling(n, floor=0.05), "val_loss": [v + slope * max(0, i - turn) for i, v in enumerate(falling(n, floor=0.9, seed=1))]}


def standing(level: float = math.log(10), n: int = 400, spread: float = 0.01) -> list[float]:
    draw = random.Random(2)
    return [level + draw.gauss(0, spread) for _ in range(n)]


def spiked(at: tuple[int, ...] = (60, 100, 180, 210), n: int = 300, times: float = 4.0) -> list[float]:
    values = falling(n, pace=0.15, floor=0.3, spread=0.01)
    since = [min((i - spike for spike in at if i >= spike), default=n * n) for i in range(n)]
    return [value * (1 + times * math.exp(-late / 6)) for value, late in zip(values, since, strict=True)]


def line(n: int = 200, part: float = 0.05, top: float = 2.3, spread: float = 0.004) -> list[float]:
    draw = random.Random(3)
    return [top * (1 - part * i / n) + draw.gauss(0, spread) for i in range(n)]


def below(n: int = 40, floor: float = 0.4) -> History:
    """Validation is better than training, as dropout makes it."""
    return {"train_loss": falling(n, floor=floor), "val_loss": falling(n, floor=0.6 * floor, seed=1)}


def mapped(values: list[float], change: Callable[[int, float], float]) -> list[float]:
    return [change(i, value) for i, value in enumerate(values)]
