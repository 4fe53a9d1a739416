"""The marks of charts as inline SVG: no words in it, colours from the style sheet, stretched to any width.

Words stay outside in HTML. A place that removes SVG then loses the drawing and no meaning, and
where SVG is stretched no letter is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from nbdebug.page import Curve, Histogram
from nbdebug.render.curves import all_positions, all_values, positions
from nbdebug.render.numbers import number, shortened
from nbdebug.render.scales import Scale, counts_whole_numbers, evenly, extremes, geometric, scale, thinned
from nbdebug.render.theme import SERIES

_W, _H = 1000, 100  # user units of a chart
_MOST_POINTS = 240  # of a line; more cannot be told apart at its width
_MOST_NAMES = 7  # of bins along an axis
HEAT_LEVELS = 10

Labels = list[tuple[float, str]]  # (place from 0 to 1, text)


def curve(panel: Curve) -> tuple[str, Labels, Labels]:
    """The lines of a curve, its x labels and its y labels; no marks where no point has a place on the axes."""
    x = all_positions(panel)
    across = scale(x, log=geometric(x))
    up = scale(all_values(panel), log=panel.log_y, margin=0.04)
    lines = []
    for i, (name, values) in enumerate(panel.series.items()):
        points = [(across(a), up(v), v) for a, v in thinned(positions(panel, name), values, _MOST_POINTS)]
        lines.append(_spread(panel, name, across, up, i) + _line(points, style(i)) + _broken(points))
    marks = _svg(_grid(up) + "".join(lines)) if any(lines) else ""
    return marks, _labels(across, 5), _labels(up, 4)


def histogram(panel: Histogram) -> tuple[str, Labels, Labels]:
    """The outlines of a few histograms over common bins, x labels and y labels."""
    edges, across = _edges(panel)
    up = Scale(0.0, float(max((n for counts in panel.counts.values() for n in counts), default=0) or 1))
    marks = [_grid(up)] + [
        f'<path class="b {style(i)}" d="{_steps(counts, edges, up)}"/>'
        for i, counts in enumerate(panel.counts.values())
    ]
    along = _labels(across, 5)
    if counts_whole_numbers(panel):
        along = [(place, text) for place, text in along if "." not in text]
    if panel.bins:
        along = [((edges[i] + edges[i + 1]) / 2, shortened(panel.bins[i], 14)) for i in evenly(len(panel.bins), _MOST_NAMES)]
    return _svg("".join(marks)), along, _labels(up, 4)


def strip(counts: Sequence[int], panel: Histogram) -> str:
    """One small histogram to stand in a table row, as tall as its own largest bin."""
    edges, _ = _edges(panel)
    up = Scale(0.0, float(max(counts, default=0) or 1))
    return _svg(f'<path class="b s0" d="{_steps(counts, edges, up)}"/>')


def heatmap(levels: Sequence[Sequence[int | None]]) -> str:
    """Cells by level: one path for all cells of a shade, a line of the height of a row for neighbours in it."""
    paths: dict[int, str] = {}
    pens: dict[int, tuple[int, int]] = {}  # level → where its path has come to
    for y, row in enumerate(levels):
        x = 0
        for level, same in groupby(row):
            length = len(list(same))
            if level:
                moved = f"m{x - pens[level][0]} {y - pens[level][1]}" if level in pens else f"M{x} {y}.5"
                paths[level] = f"{paths.get(level, '')}{moved}h{length}"
                pens[level] = x + length, y
            x += length
    drawn = [_shade(level, paths[level]) for level in sorted(paths)]
    box = f"0 0 {max(len(row) for row in levels)} {len(levels)}"
    return _svg("".join(drawn), box)


def ramp(signed: bool) -> str:
    """The shades from least to most, for a legend."""
    levels = range(-HEAT_LEVELS if signed else 0, HEAT_LEVELS + 1)
    return heatmap([list(levels)])


def key(i: int) -> str:
    """The stroke of series `i`, for a legend."""
    return _svg(f'<path class="l {style(i)}" d="M0 50H1000"/>')


def style(i: int) -> str:
    """The class of series `i`: a colour, and a dash so that lines differ without colour too."""
    dash = (i + i // SERIES) % SERIES  # the second round of colours has other dashes
    return f"s{i % SERIES}" + (f" d{dash}" if dash else "")


def _svg(marks: str, box: str = f"0 0 {_W} {_H}") -> str:
    return f'<svg viewBox="{box}" preserveAspectRatio="none" aria-hidden="true">{marks}</svg>'


def _labels(axis: Scale, count: int) -> Labels:
    placed = [(axis(value), number(value)) for value in axis.ticks(count)]
    return [(place, text) for place, text in placed if place is not None and -1e-9 <= place <= 1 + 1e-9]


def _grid(up: Scale) -> str:
    lines = "".join(f"M0 {_y(place)}H{_W}" for place, _ in _labels(up, 4))
    return f'<path class="grid" d="{lines}"/><path class="base" d="M0 {_H}H{_W}"/>'


def _line(points: Sequence[tuple[float | None, float | None, float]], kind: str) -> str:
    lines = dots = ""
    for seen, run in groupby(points, key=lambda p: p[0] is not None and p[1] is not None):
        places = [f"{_x(a)} {_y(b)}" for a, b, _ in run] if seen else []
        if len(places) == 1:
            dots += f"M{places[0]}h.1"  # nearly no length, with round ends: a dot where a point stands alone
        elif places:
            lines += "M" + "L".join(places)
    drawn = f'<path class="l {kind}" d="{lines}"/>' if lines else ""
    return drawn + (f'<path class="l {kind} dot" d="{dots}"/>' if dots else "")


def _spread(panel: Curve, name: str, across: Scale, up: Scale, i: int) -> str:
    """The area between the lowest and the highest of what each point stands for."""
    if name not in panel.spread:
        return ""
    x, (low, high) = positions(panel, name), panel.spread[name]
    chosen = [p for p in extremes(x, low, high, _MOST_POINTS) if None not in (up(p[1]), up(p[2]))]
    below = [f"{_x(across(a) or 0.0)} {_y(up(b) or 0.0)}" for a, b, _ in chosen]
    above = [f"{_x(across(a) or 0.0)} {_y(up(c) or 0.0)}" for a, _, c in reversed(chosen)]
    return f'<path class="a s{i % SERIES}" d="M{"L".join(below + above)}z"/>' if len(chosen) > 1 else ""


def _broken(points: Sequence[tuple[float | None, float | None, float]]) -> str:
    """A dashed upright line where the values stop being finite."""
    finite = [True] + [math.isfinite(value) for *_, value in points]
    falls = [points[i][0] for i in range(len(points)) if finite[i] and not finite[i + 1]]
    path = "".join(f"M{_x(place)} 0V{_H}" for place in falls[:20] if place is not None)
    return f'<path class="bad" d="{path}"/>' if path else ""


def _edges(panel: Histogram) -> tuple[list[float], Scale]:
    log = panel.log_x and all(edge > 0 for edge in panel.edges)
    across = scale(panel.edges, log=log)
    return [across(edge) or 0.0 for edge in panel.edges], across


def _steps(counts: Sequence[int], edges: Sequence[float], up: Scale) -> str:
    path = f"M{_x(edges[0])} {_H}"
    for count, right in zip(counts, edges[1:], strict=False):
        path += f"V{_y(up(float(count)) or 0.0)}H{_x(right)}"
    return f"{path}V{_H}z"


def _shade(level: int, path: str) -> str:
    if abs(level) > HEAT_LEVELS:
        return f'<path class="q" d="{path}"/>'
    opacity = f"{0.06 + 0.94 * abs(level) / HEAT_LEVELS:.2f}"
    return f'<path class="{"c" if level < 0 else "h"}" stroke-opacity="{opacity}" d="{path}"/>'


def _x(place: float) -> str:
    return f"{place * _W:.0f}"


def _y(place: float) -> str:
    return f"{(1 - place) * _H:.1f}".removesuffix(".0")
