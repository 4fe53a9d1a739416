"""The levels of a curve, its noise, whether it fell, since when it stands."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

SURE = 3.0  # standard errors beyond which a difference is no noise; our choice
TELLING = 0.01  # share of its level by which a curve must move to have moved; our choice
WINDOW = 5  # values in a running median
PLATEAU = 0.5  # share of a curve that it must stand still for a plateau; our choice


def middle(values: Sequence[float]) -> float:
    """Their median; NaN for none."""
    return statistics.median(values) if values else math.nan


def begin(values: Sequence[float]) -> float:
    """The level it began with: the first value, of a long curve the median of the first few."""
    return middle(values[: max(1, min(WINDOW, len(values) // 50))])


def end(values: Sequence[float], share: float = 0.2) -> float:
    """The level it ended with."""
    return middle(values[-max(3, round(share * len(values))) :])


def noise(values: Sequence[float]) -> float:
    """Standard deviation of one value about its neighbours, by the median; what every slow curve has is left out."""
    bends = [abs(b - (a + c) / 2) for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return 1.4826 * middle(bends) / math.sqrt(1.5) if bends else 0.0


def error(values: Sequence[float], of: int) -> float:
    """Standard error of a median over `of` of these values."""
    return 1.25 * noise(values) / math.sqrt(max(1, of))


def change(values: Sequence[float]) -> float:
    """From the median of the first third to that of the last."""
    third = max(1, len(values) // 3)
    return middle(values[-third:]) - middle(values[:third])


def is_telling(values: Sequence[float], moved: float) -> bool:
    """Whether a change between thirds of a curve is more than its noise, and more than a trifle."""
    third = max(1, len(values) // 3)
    return abs(moved) > max(SURE * math.sqrt(2) * error(values, third), TELLING * abs(middle(values[:third])))


def fell(values: Sequence[float]) -> bool:
    moved = change(values)
    return moved < 0 and is_telling(values, moved)


def rose(values: Sequence[float]) -> bool:
    moved = change(values)
    return moved > 0 and is_telling(values, moved)


def agreement(values: Sequence[float]) -> float:
    """Kendall's tau of a curve with time: 1 for a steady rise, −1 for a steady fall, 0 for neither."""
    values = values[:: 1 + len(values) // 200]
    pairs = [(b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1 :]]
    return sum(pairs) / len(pairs) if pairs else 0.0


def smooth(values: Sequence[float], window: int = WINDOW) -> list[float]:
    """A running median over this many values, centred."""
    half = window // 2
    return [middle(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]


def flat_since(values: Sequence[float], pieces: int = 20) -> int | None:
    """The earliest position from which on it neither falls nor rises, to the end; None when it moves to the end."""
    for piece in range(pieces):
        first = piece * len(values) // pieces
        rest = values[first:]
        if len(rest) < 4 * WINDOW:
            return None
        halves = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        if not any(is_telling(part, change(part)) for part in (rest, *halves)):
            return first
    return None


def plateau_since(values: Sequence[float]) -> int | None:
    """Where a plateau began that lasts for half of the curve, to its end; what fell in the first few values fell."""
    first = flat_since(values)
    return None if first is None or first > (1 - PLATEAU) * len(values) else max(first, WINDOW)
