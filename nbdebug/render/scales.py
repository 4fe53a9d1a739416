"""From values to positions: ranges, ticks, thinning. Plain numbers in, plain numbers out, nothing drawn."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nbdebug.page import Histogram

LOG_COLOUR_FROM = (
    100.0  # our choice: beyond this ratio of largest to median, linear shades show one cell only
)
_LARGEST, _SMALLEST = sys.float_info.max, math.ulp(0.0)
_NO_SPAN = 1e-300  # what is nearer together than this cannot be told apart after a division
_GEOMETRIC_FROM = 100.0  # our choice: an x axis over fewer decades reads well linearly


@dataclass(frozen=True)
class Scale:
    """Maps values to 0..1, linearly or by logarithm."""

    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float | None:
        """Where the value lies, 0 at `low`; None when it has no place (NaN, Inf, not positive on a log axis)."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return None
        return (self._warp(value) - self._warp(self.low)) / (self._warp(self.high) - self._warp(self.low))

    def ticks(self, count: int = 3) -> list[float]:
        """Round values inside the range: powers of ten on a log axis over a decade or more."""
        if self.log and math.log10(self.high / self.low) >= 1:
            return _decades(self.low, self.high, count)
        return _round_values(self.low, self.high, count)

    def _warp(self, value: float) -> float:
        # halved, so that a range from -1e308 to 1e308 does not overflow
        return math.log10(value) if self.log else value / 2


def scale(values: Sequence[float], *, log: bool = False, margin: float = 0.0) -> Scale:
    """The scale that holds all finite values; widened where they are all the same, 0..1 where there is none."""
    held = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    if not held:
        return Scale(0.1, 1.0, True) if log else Scale(0.0, 1.0)
    return _log_scale(min(held), max(held), margin) if log else _linear_scale(min(held), max(held), margin)


def _log_scale(low: float, high: float, margin: float) -> Scale:
    decades = math.log10(high) - math.log10(low)
    widen = 2.0 if decades < 1e-9 else 10 ** (decades * margin)
    return Scale(max(low / widen, _SMALLEST), min(high * widen, _LARGEST), True)


def _linear_scale(low: float, high: float, margin: float) -> Scale:
    if high - low <= max(1e-9 * max(abs(low), abs(high)), _NO_SPAN):
        half = abs(high) * 0.05 or 0.5
        return Scale(max(low - half, -_LARGEST), min(high + half, _LARGEST))
    pad = (high / 2 - low / 2) * (2 * margin)
    return Scale(max(low - pad, -_LARGEST), min(high + pad, _LARGEST))


def geometric(x: Sequence[float]) -> bool:
    """Whether these positions were spaced by a factor, as learning rates are, and not by a step."""
    if len(x) < 3 or not all(math.isfinite(v) and v > 0 for v in x) or max(x) / min(x) < _GEOMETRIC_FROM:
        return False
    middle, low, high = math.log(sorted(x)[len(x) // 2]), math.log(min(x)), math.log(max(x))
    return abs(middle - (low + high) / 2) < abs(middle - math.log((min(x) + max(x)) / 2))


def thinned(x: Sequence[float], y: Sequence[float], most: int) -> list[tuple[float, float]]:
    """At most about `most` points; of each stretch the lowest, the highest and any gap stay, so spikes do too."""
    points = list(zip(x, y, strict=False))
    if len(points) <= most:
        return points
    stretch = math.ceil(len(points) / (most / 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        finite = [p for p in part if math.isfinite(p[1])]
        ends = {min(finite, key=lambda p: p[1]), max(finite, key=lambda p: p[1])} if finite else set()
        kept += sorted(ends)
        if len(finite) < len(part):
            kept.append((part[-1][0], math.nan))
    return kept


def extremes(
    x: Sequence[float], low: Sequence[float], high: Sequence[float], most: int
) -> list[tuple[float, float, float]]:
    """At most `most` triples of place, lowest and highest; neighbours are drawn together, and no extreme is lost."""
    points = [p for p in zip(x, low, high, strict=False) if math.isfinite(p[1]) and math.isfinite(p[2])]
    stretch = math.ceil(len(points) / most) or 1
    parts = [points[start : start + stretch] for start in range(0, len(points), stretch)]
    return [(part[0][0], min(p[1] for p in part), max(p[2] for p in part)) for part in parts]


def evenly(length: int, most: int) -> list[int]:
    """At most `most` indices from 0 to length - 1, evenly spaced, both ends among them."""
    if length <= most:
        return list(range(length))
    if most == 1:
        return [0]
    return [round(i * (length - 1) / (most - 1)) for i in range(most)]


def shades(
    values: Sequence[Sequence[float]], levels: int, *, log: bool = False
) -> tuple[list[list[int | None]], Scale, bool]:
    """A level for every cell of a heatmap.

    Args:
        log: by logarithm in any case; else only where linear shades would show one cell and no other.

    Returns:
        rows of levels 0..levels (negative where the value is, on a scale that tells signs apart; None for
        NaN; ±(levels + 1) for ±Inf), the scale of the sizes, and whether signs are told apart.
    """
    finite = [v for row in values for v in row if math.isfinite(v)]
    signed = any(v < 0 for v in finite)
    sizes = [abs(v) for v in finite]
    sized = _decade_scale(sizes) if log and any(sizes) and not signed else _shade_scale(sizes, signed)
    return [[_shade(v, sized, levels) for v in row] for row in values], sized, signed


def _decade_scale(sizes: list[float]) -> Scale:
    """At least a decade wide, so that what is nearly alike looks alike."""
    held = scale(sizes, log=True)
    widen = math.sqrt(max(1.0, 10 / (held.high / held.low)))
    return Scale(max(held.low / widen, _SMALLEST), min(held.high * widen, _LARGEST), log=True)


def _shade_scale(sizes: list[float], signed: bool) -> Scale:
    positive = sorted(v for v in sizes if v > 0)
    if not positive:
        return Scale(0.0, 1.0)
    spread = positive[-1] / positive[len(positive) // 2]
    if not signed and spread > LOG_COLOUR_FROM:
        return Scale(positive[0], positive[-1], log=True)
    low = (
        min(sizes) if not signed and min(sizes) > positive[-1] / 2 else 0.0
    )  # all alike: show the difference
    return Scale(low, positive[-1]) if positive[-1] > low else Scale(0.0, positive[-1])


def _shade(value: float, sized: Scale, levels: int) -> int | None:
    if math.isnan(value):
        return None
    sign = -1 if value < 0 else 1
    if math.isinf(value):
        return sign * (levels + 1)
    place = sized(abs(value))
    if place is None or value == 0:
        return 0
    return sign * max(1, round(place * levels))


def _decades(low: float, high: float, count: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, math.ceil((last - first + 1) / (count + 1)))
    return [10.0**power for power in range(first, last + 1, every)]


def _round_values(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, as near to `count` of them as can be."""
    rough = (high / 2 - low / 2) / count * 2
    if not 1e-300 < rough < 1e300:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    choices = [_multiples(low, high, m * power) for m in (1, 2, 5, 10)]
    return min(choices, key=lambda values: abs(len(values) - count))


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [i * step for i in range(first, last + 1)]


def counts_whole_numbers(panel: Histogram) -> bool:
    """Whether every bin stands for one whole number, such as a class label: edges at -0.5, 0.5, 1.5 …"""
    steps = {right - left for left, right in pairwise(panel.edges)}
    return steps == {1.0} and panel.edges[0] % 1 == 0.5
