"""The same training once more, as far as its curves tell: the trend, with its own noise shuffled in blocks.

A block bootstrap keeps what neighbours have in common (Künsch, 1989); blocks stay within a quarter of the curve, so that noise which
shrinks while the loss falls does so in each resample. Of positive curves the logarithm is shuffled, for the same reason.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace

from nbdebug import curve_shapes
from nbdebug.instruments.fit.diagnosing.curves import Curves, Line

QUARTERS = 4
KEPT = 2  # values at the beginning that stay: the trend of a steep fall is too flat there


def resamples(curves: Curves, count: int, seed: int) -> Iterator[Curves]:
    """So many, always the same ones for one seed."""
    draw = random.Random(seed)
    parts = {name: _parts(getattr(curves, name)) for name in ("training", "validation", "evaluated")}
    for _ in range(count):
        yield replace(curves, **{name: _shuffled(getattr(curves, name), part, draw) for name, part in parts.items()})


def _parts(line: Line) -> tuple[bool, list[float], list[float]]:
    """Whether of the logarithm; the trend; what is left."""
    logarithmic = min(line.values, default=0.0) > 0
    values = [math.log(value) for value in line.values] if logarithmic else list(line.values)
    trend = curve_shapes.smooth(values, 3 if len(values) < 20 else curve_shapes.WINDOW)  # as wide as spikes are looked for
    return logarithmic, trend, [value - level for value, level in zip(values, trend, strict=True)]


def _shuffled(line: Line, parts: tuple[bool, list[float], list[float]], draw: random.Random) -> Line:
    logarithmic, trend, rest = parts
    length = max(1, round(len(rest) ** (1 / 3)))
    noise = rest[:KEPT]
    each = math.ceil((len(rest) - KEPT) / QUARTERS) or 1
    for first in range(KEPT, len(rest), each):
        quarter = rest[first : min(first + each, len(rest))]
        blocks = [quarter[i : i + length] for i in range(0, len(quarter), length)]
        draw.shuffle(blocks)
        noise += [value for block in blocks for value in block]
    values = [level + value for level, value in zip(trend, noise, strict=True)]
    return replace(line, values=tuple(math.exp(value) for value in values) if logarithmic else tuple(values))
