"""A curve said in numbers, for the text and beneath the drawn lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdebug.page import Curve
from nbdebug.render.numbers import number, one_line

Row = tuple[str | float | int | None, ...]


def positions(curve: Curve) -> tuple[float, ...]:
    """The x of every point: as given, or 0, 1, 2 …"""
    longest = max((len(values) for values in curve.series.values()), default=0)
    return curve.x if len(curve.x) >= longest else tuple(float(i) for i in range(longest))


def summary_rows(curve: Curve) -> tuple[tuple[str, ...], list[Row]]:
    """Column names and one row a series: first, last, lowest, highest and, if any, where it is not finite."""
    x = positions(curve)
    rows = [
        (name, *_extremes(values), _gaps(values, x, curve.x_label)) for name, values in curve.series.items()
    ]
    columns = (one_line(curve.y_label), "first", "last", "lowest", "highest", "not finite")
    if any(row[-1] for row in rows):
        return columns, rows
    return columns[:-1], [row[:-1] for row in rows]


def _extremes(values: Sequence[float]) -> tuple[float | None, ...]:
    finite = [v for v in values if math.isfinite(v)]
    lowest, highest = (min(finite), max(finite)) if finite else (None, None)
    return (values[0], values[-1], lowest, highest) if values else (None,) * 4


def _gaps(values: Sequence[float], x: Sequence[float], x_label: str) -> str:
    gaps = [i for i, value in enumerate(values) if not math.isfinite(value)]
    return f"{len(gaps):,}, first at {x_label} {number(x[gaps[0]])}" if gaps else ""
