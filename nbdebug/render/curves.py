"""A curve said in numbers, for the text and beneath the drawn lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdebug.page import Curve
from nbdebug.render.numbers import number, one_line

Row = tuple[str | float | int | None, ...]


def positions(curve: Curve, name: str = "") -> tuple[float, ...]:
    """The x of every point: the series' own, those of all, or 0, 1, 2 …"""
    if name in curve.own_x:
        return curve.own_x[name]
    longest = max((len(values) for own, values in curve.series.items() if own not in curve.own_x), default=0)
    return curve.x if len(curve.x) >= longest else tuple(float(i) for i in range(longest))


def summary_rows(curve: Curve) -> tuple[tuple[str, ...], list[Row]]:
    """Column names and one row a series: first, last, lowest, highest and, if any, where it is not finite."""
    rows = [
        (name, *_extremes(values, curve.spread.get(name)), _gaps(values, positions(curve, name), curve.x_label))
        for name, values in curve.series.items()
    ]
    columns = (one_line(curve.y_label), "first", "last", "lowest", "highest", "not finite")
    if any(row[-1] for row in rows):
        return columns, rows
    return columns[:-1], [row[:-1] for row in rows]


def _extremes(values: Sequence[float], spread: tuple[Sequence[float], Sequence[float]] | None) -> tuple[float | None, ...]:
    low, high = spread or (values, values)
    lowest = min((v for v in low if math.isfinite(v)), default=None)
    highest = max((v for v in high if math.isfinite(v)), default=None)
    return (values[0], values[-1], lowest, highest) if values else (None,) * 4


def _gaps(values: Sequence[float], x: Sequence[float], x_label: str) -> str:
    gaps = [i for i, value in enumerate(values) if not math.isfinite(value)]
    return f"{len(gaps):,}, first at {x_label} {number(x[gaps[0]])}" if gaps else ""


def all_positions(curve: Curve) -> list[float]:
    """The x of all series, for a common axis."""
    return [place for name in curve.series for place in positions(curve, name)]


def all_values(curve: Curve) -> list[float]:
    """Everything that the y axis must hold."""
    spreads = [v for low, high in curve.spread.values() for v in (*low, *high)]
    return [v for values in curve.series.values() for v in values] + spreads
