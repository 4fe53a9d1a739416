"""How many bytes a batch will need, from those that were measured."""

from __future__ import annotations

from collections.abc import Mapping


def foreseen(measured: Mapping[int, float], samples: int, held: float) -> float | None:
    """Bytes of a batch of so many samples; None when nothing was measured.

    The larger of a line through the last two sizes and a parabola through the last three: a loss that compares every sample with
    every other grows with the square. From one size alone all that grows is taken to grow with the square.

    Args:
        measured: samples → bytes at the peak.
        held: bytes that are there without any batch.
    """
    points = sorted((n, needed) for n, needed in measured.items() if n != samples)
    if not points:
        return None
    if len(points) == 1:
        ((n, needed),) = points
        times = samples / n
        return held + max(0.0, needed - held) * (times * times if times > 1 else times)
    (n1, b1), (n2, b2) = _nearest(points, samples, 2)
    slope = (b2 - b1) / (n2 - n1)
    line = b2 + slope * (samples - n2)
    if len(points) == 2 or samples < n2:
        return line
    (n0, b0), _, _ = _nearest(points, samples, 3)
    bend = (slope - (b1 - b0) / (n1 - n0)) / (n2 - n0)
    return max(line, line + bend * (samples - n1) * (samples - n2))


def fitting(measured: Mapping[int, float], limit: float) -> int | None:
    """The samples that would need just the limit, on the line through the two measured sizes next to it; None where it never ends."""
    points = sorted(measured.items())
    below = [point for point in points if point[1] <= limit]
    above = [point for point in points if point[1] > limit]
    pair = [below[-1], above[0]] if below and above else points[-2:]
    if len(pair) < 2 or pair[1][1] <= pair[0][1]:
        return None
    (n1, b1), (n2, b2) = pair
    return int(n1 + (limit - b1) * (n2 - n1) / (b2 - b1))


def _nearest(points: list[tuple[int, float]], samples: int, count: int) -> list[tuple[int, float]]:
    """The last sizes not above `samples`, or the first ones when all are above."""
    below = [point for point in points if point[0] < samples]
    return below[-count:] if len(below) >= count else points[:count]
