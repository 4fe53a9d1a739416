"""Panels in characters: sparklines, bars, shades and aligned tables."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from functools import singledispatch

from nbdebug.page import Checklist, Curve, Gallery, Heatmap, Histogram, Note, Panel, Table
from nbdebug.render import exhibits
from nbdebug.render.curves import summary_rows
from nbdebug.render.numbers import LIGHTS, clean, is_number, number, one_line, shortened
from nbdebug.render.scales import counts_whole_numbers, evenly, scale, shades

MOST_ROWS = 12  # of a table or heatmap; the file formats have them all
_SPARK = 24  # characters of a curve
_BARS = "▁▂▃▄▅▆▇█"
_SHADES = " ░▒▓█"
_LEAST_CELL, _MOST_CELL = (
    14,
    44,
)  # characters of a table cell when there is little and when there is much room


def panel_lines(panel: Panel, width: int) -> list[str]:
    """The title, the panel and its caption as lines of about `width` columns."""
    caption = getattr(panel, "caption", "")  # a note has none
    body = _body(panel, width)
    return [one_line(panel.title), *body, *([f"  {one_line(caption)}"] if caption else [])]


@singledispatch
def _body(panel: Panel, width: int) -> list[str]:
    raise TypeError(f"no text for a panel of type {type(panel).__name__}")


@_body.register
def _(panel: Curve, width: int) -> list[str]:
    columns, rows = summary_rows(panel)
    if not rows:
        return ["  no points"]
    lines = [sparkline(values, _SPARK, log=panel.log_y) for values in panel.series.values()]
    shown = [(line, *row) for line, row in zip(lines, rows, strict=True)][:MOST_ROWS]
    return aligned(("", *columns), shown, len(rows), width)


@_body.register
def _(panel: Histogram, width: int) -> list[str]:
    if not panel.counts or not any(panel.counts.values()):
        return ["  no counts"]
    low, high = number(panel.edges[0]), number(panel.edges[-1])
    if counts_whole_numbers(panel):
        low, high = (shortened(name, 24) for name in (panel.bins[0], panel.bins[-1])) if panel.bins else (number(panel.edges[i] + shift) for i, shift in ((0, 0.5), (-1, -0.5)))
    label = f"  {one_line(panel.x_label)} from {low} to {high}".replace("  from", "  from")
    rows = [(bars(counts, 48), name, sum(counts)) for name, counts in panel.counts.items()]
    return [*aligned(("", "", "count"), rows[:MOST_ROWS], len(rows), width), label]


@_body.register
def _(panel: Heatmap, width: int) -> list[str]:
    if not panel.rows or not panel.columns:
        return ["  no cells"]
    levels, sized, signed = shades(panel.values, len(_SHADES) - 1, log=panel.log)
    across = evenly(len(panel.columns), 48)
    names = [shortened(name, 36) for name in panel.rows[:MOST_ROWS]]
    margin = max(_cells(name) for name in names)
    lines = [
        f"  {_padded(name, margin)} │{''.join(_character(row[i]) for i in across)}│"
        for name, row in zip(names, levels, strict=False)
    ]
    ends = f"  {' ' * margin}  {shortened(panel.columns[0], 20)} … {shortened(panel.columns[-1], 20)}"
    key = f"  blank {number(sized.low)}, █ {number(sized.high)} {one_line(panel.unit)}".rstrip()
    words = [key] + ["log shades"] * sized.log + ["− below zero"] * signed + ["· nan", "! inf"]
    return [*lines, *_more(len(panel.rows)), ends, ", ".join(words)]


@_body.register
def _(panel: Table, width: int) -> list[str]:
    return (
        aligned(panel.columns, list(panel.rows[:MOST_ROWS]), len(panel.rows), width)
        if panel.rows
        else ["  no rows"]
    )


@_body.register
def _(panel: Gallery, width: int) -> list[str]:
    if not panel.exhibits:
        return ["  no samples"]
    shown = panel.exhibits[:MOST_ROWS]
    drawn = [exhibits.line(exhibit) for exhibit in shown if exhibits.is_drawn(exhibit)]
    names = textwrap.wrap(f"drawn: {', '.join(shortened(name, 40) for name in drawn)}", width - 2) if drawn else []
    words = [shortened(exhibits.line(exhibit), width - 2) for exhibit in shown if not exhibits.is_drawn(exhibit)]
    more = [f"… {len(panel.exhibits) - MOST_ROWS:,} more"] if len(panel.exhibits) > MOST_ROWS else []
    return [f"  {line}" for line in [*names, *words, *more]]


@_body.register
def _(panel: Checklist, width: int) -> list[str]:
    """The questions with their lights; what stands behind them the findings at the top say."""
    longest = max((_cells(answer.question) for answer in panel.answers), default=0)
    lines = []
    for answer in panel.answers:
        head = f"  {LIGHTS.get(answer.light, '?')} {_padded(one_line(answer.question), longest)}  "
        lines += textwrap.wrap(head + one_line(answer.words), width, subsequent_indent=" " * _cells(head), break_on_hyphens=False)
    return lines or ["  no questions"]


@_body.register
def _(panel: Note, width: int) -> list[str]:
    lines = clean(panel.text).expandtabs(4).splitlines()
    if panel.kind == "text":
        lines = [short for line in lines for short in textwrap.wrap(line, width - 2) or [""]]
    return [f"  {line}" for line in lines]


def sparkline(values: Sequence[float], width: int, *, log: bool = False) -> str:
    """The course of the values in `width` characters: `·` for NaN, `!` for Inf."""
    placed = scale(values, log=log)
    return "".join(_spark(values[i], placed(values[i])) for i in evenly(len(values), width))


def _spark(value: float, place: float | None) -> str:
    if math.isinf(value):
        return "!"
    return "·" if place is None else _BARS[min(len(_BARS) - 1, int(place * len(_BARS)))]


def bars(counts: Sequence[int], width: int) -> str:
    """Counts as small bars; neighbouring bins are added where there are more than `width`."""
    each = math.ceil(len(counts) / width)
    sums = [sum(counts[i : i + each]) for i in range(0, len(counts), each)]
    top = max(sums, default=0)
    return "".join(" " if not n else _BARS[math.ceil(n / top * len(_BARS)) - 1] for n in sums)


def aligned(columns: Sequence[str], rows: Sequence[Sequence[object]], total: int, width: int) -> list[str]:
    """Rows under their column names, numbers flush right; says how many rows and columns are left out."""
    table = [list(columns), *([number(value) for value in row] for row in rows)]
    right = [any(is_number(row[i]) for row in rows) for i in range(len(columns))]
    widths, shown = _fitted(
        [max(_cells(one_line(row[i])) for row in table) for i in range(len(columns))], width
    )
    lines = [
        _line([shortened(text, w) for text, w in zip(row, widths, strict=False)], widths, right)
        for row in table
    ]
    hidden = [f"  … {len(columns) - shown} more columns"] if shown < len(columns) else []
    return [line for line in lines[:1] if line] + lines[1:] + _more(total) + hidden


def _fitted(widths: list[int], width: int) -> tuple[list[int], int]:
    """The widths of the columns that fit: the widest gives way first, then the last are left out."""
    widths = [min(w, _MOST_CELL) for w in widths]
    while sum(widths) + 2 * len(widths) > width and max(widths) > _LEAST_CELL:
        widths[widths.index(max(widths))] -= 1
    shown = len(widths)
    while shown > 1 and sum(widths[:shown]) + 2 * shown > width:
        shown -= 1
    return widths[:shown], shown


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = [_padded(text, w, flush) for text, w, flush in zip(texts, widths, right, strict=False)]
    return ("  " + "  ".join(cells)).rstrip()


def _more(total: int) -> list[str]:
    return [f"  … {total - MOST_ROWS:,} more rows"] if total > MOST_ROWS else []


def _character(level: int | None) -> str:
    if level is None:
        return "·"
    if abs(level) >= len(_SHADES):
        return "!"
    return "−" if level < 0 else _SHADES[level]


def _cells(text: str) -> int:
    """Columns the text takes in a terminal: an emoji takes two, a combining mark none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _padded(text: str, width: int, right: bool = False) -> str:
    blanks = " " * max(0, width - _cells(text))
    return blanks + text if right else text + blanks
