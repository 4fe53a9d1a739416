"""Panels in HTML: a chart of SVG marks, and beneath it the same in numbers for whoever cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from nbdebug.page import Answer, Checklist, Curve, Gallery, Heatmap, Histogram, Note, Panel, Table
from nbdebug.render import svg
from nbdebug.render.curves import summary_rows
from nbdebug.render.exhibits import gallery_html
from nbdebug.render.html_tables import escape, full_name, table_html
from nbdebug.render.numbers import LIGHTS, number, one_line, plural, shortened
from nbdebug.render.scales import counts_whole_numbers, evenly, shades

MOST_ROWS = 100  # of a table or heatmap; to_dict() and the .json file have them all
_MOST_CELLS = 500  # of a heatmap that is also written out in numbers
_MOST_EXHIBITS = 48
_OVERLAID = 3  # histograms in one drawing; more stand one below the other
_ROW_HEIGHT, _FEW_HEIGHT, _FEW_ROWS = (
    15,
    24,
    8,
)  # px of a row in a heatmap, in one of few rows, and how many are few


def panel_html(panel: Panel, *, opened: bool) -> str:
    """The panel under its title, folded unless opened."""
    fold, title = " open" if opened else "", escape(one_line(panel.title) or type(panel).__name__.lower())
    shown = f'<div class="nbd-body">\n{body(panel)}{_told(panel)}</div>'
    return f'<details class="nbd-panel"{fold}><summary>{title}</summary>\n{shown}</details>\n'


def _told(panel: Panel) -> str:
    caption = getattr(panel, "caption", "")  # a note has none
    return f'<p class="nbd-caption">{escape(caption)}</p>' if caption else ""


def drawing(panel: Panel) -> str:
    """The picture alone of a curve or heatmap, without its numbers; any other panel as it is."""
    if isinstance(panel, Curve):
        marks, along, up = svg.curve(panel)
        return _plot(marks, along, up, one_line(panel.x_label)) if marks else _empty("no finite point yet")
    if isinstance(panel, Heatmap) and panel.rows and panel.columns:
        return _cells(panel, *_chosen(panel))
    return body(panel)


@singledispatch
def body(panel: Panel) -> str:
    """The panel without its title and caption."""
    raise TypeError(f"no HTML for a panel of type {type(panel).__name__}")


@body.register
def _(panel: Curve) -> str:
    columns, rows = summary_rows(panel)
    if not any(len(values) for values in panel.series.values()):
        return _empty("no points")
    keys = [f'<span class="nbd-key">{svg.key(i)}</span>' for i in range(len(rows))]
    label = " (log)" if panel.log_y else ""
    table = table_html((f"{columns[0]}{label}".strip(), *columns[1:]), rows, keys=keys)
    marks, along, up = svg.curve(panel)
    drawn = _plot(marks, along, up, one_line(panel.x_label)) if marks else _empty("no finite point to draw")
    return drawn + table


@body.register
def _(panel: Histogram) -> str:
    if len(panel.edges) < 2 or not panel.counts:
        return _empty("no counts")
    span = f"{one_line(panel.x_label)} from {number(panel.edges[0])} to {number(panel.edges[-1])}".strip()
    if len(panel.counts) > _OVERLAID:
        return _strips(panel, span)
    rows = [(name, sum(counts), *_fullest(counts, panel)) for name, counts in panel.counts.items()]
    columns: tuple[str, ...] = ("", "count", "fullest bin from", "to")
    if counts_whole_numbers(panel):
        columns = ("", "count", "most frequent")
        rows = [(name, total, _bin_name(panel, low)) for name, total, low, _ in rows]
    keys = [f'<span class="nbd-key">{svg.key(i)}</span>' for i in range(len(rows))]
    table = table_html(columns, rows, keys=keys)
    return _plot(*svg.histogram(panel), one_line(panel.x_label)) + table


@body.register
def _(panel: Heatmap) -> str:
    if not panel.rows or not panel.columns:
        return _empty("no cells")
    rows, values = _chosen(panel)
    cut = f"<p>{len(rows)} of {len(panel.rows):,} rows, evenly chosen</p>" if len(rows) < len(panel.rows) else ""
    return cut + _cells(panel, rows, values) + _written_out(panel, rows, values)


@body.register
def _(panel: Table) -> str:
    if not panel.rows:
        return _empty("no rows")
    more = len(panel.rows) - MOST_ROWS
    rest = f"<p>… {more:,} more rows, all of them in a report saved as .json</p>" if more > 0 else ""
    return table_html(panel.columns, panel.rows[:MOST_ROWS]) + rest


@body.register
def _(panel: Gallery) -> str:
    if not panel.exhibits:
        return _empty("no samples")
    more = len(panel.exhibits) - _MOST_EXHIBITS
    return gallery_html(panel.exhibits[:_MOST_EXHIBITS]) + (f"<p>… {more:,} more</p>" if more > 0 else "")


@body.register
def _(panel: Note) -> str:
    if panel.kind == "code":
        return f'<pre class="nbd-paste"><code>{escape(panel.text)}</code></pre>'
    return f'<p class="nbd-note">{escape(panel.text)}</p>'


@body.register
def _(panel: Checklist) -> str:
    return '<div class="nbd-checklist">\n' + "".join(map(_answer, panel.answers)) + "</div>\n" if panel.answers else _empty("no questions")


def _answer(answer: Answer) -> str:
    """One line with its light; what stands behind it unfolds."""
    kind = answer.light.replace(" ", "-")
    light = f'<span class="nbd-light nbd-light-{kind}" title="{escape(answer.light)}">{LIGHTS.get(answer.light, "?")}</span>'
    line = f'{light}<b>{escape(one_line(answer.question))}</b> <span class="nbd-answer">{escape(one_line(answer.words))}</span>'
    told = "".join(
        f'<li><code class="nbd-code">{escape(f.code)}</code> {escape(one_line(f.message))} '
        f'<span class="nbd-where">{escape(one_line(str(f.location)))}</span></li>\n'
        for f in answer.findings
    )
    shown = "".join(f'<h5 class="nbd-instrument">{escape(one_line(p.title))}</h5>\n{body(p)}{_told(p)}' for p in answer.evidence)
    if not told and not shown:
        return f"<p>{line}</p>\n"
    return f'<details><summary>{line}</summary>\n<div class="nbd-body">{f"<ul>{told}</ul>" if told else ""}{shown}</div></details>\n'


def is_small(panel: Panel) -> bool:
    """Whether the panel takes less than about half a screen, so that it may stand open."""
    rows = {Table: "rows", Heatmap: "rows", Gallery: "exhibits", Curve: "series", Histogram: "counts"}
    most = {Table: 12, Heatmap: 16, Gallery: 16, Curve: 8, Histogram: 8}
    if isinstance(panel, Checklist):
        return True  # it is what one came for
    if isinstance(panel, Note):
        return panel.text.count("\n") < 12 and len(panel.text) < 800
    return len(getattr(panel, rows[type(panel)])) <= most[type(panel)]


def _plot(marks: str, x_labels: svg.Labels, y_labels: svg.Labels, x_label: str) -> str:
    down = "".join(_label("y", f"top:{(1 - place) * 100:.0f}%", text) for place, text in y_labels)
    along = "".join(_label("x", f"left:{place * 100:.0f}%", text) for place, text in x_labels)
    name = f'<i class="xl" data-t="{escape(x_label)}"></i>' if x_label else ""
    return f'<div class="nbd-plot">{marks}{down}{along}{name}</div>\n'


def _label(kind: str, place: str, text: str) -> str:
    return f'<i class="{kind}" style="{place}" data-t="{escape(text)}"></i>'


def _strips(panel: Histogram, span: str) -> str:
    rows = "".join(
        f'<tr><th class="m"{full_name(name, 34)}>{escape(shortened(name, 34))}</th>'
        f'<td><div class="nbd-strip">{svg.strip(counts, panel)}</div></td>'
        f'<td class="n">{number(sum(counts))}</td>'
        + "".join(f'<td class="n">{number(edge)}</td>' for edge in _fullest(counts, panel))
        + "</tr>\n"
        for name, counts in list(panel.counts.items())[:MOST_ROWS]
    )
    more = len(panel.counts) - MOST_ROWS
    rest = f"<p>… {more:,} more rows</p>" if more > 0 else ""
    heads = f"<th></th><th>{escape(span)}</th>" + "".join(
        f'<th class="n">{name}</th>' for name in ("count", "fullest bin from", "to")
    )
    table = f'<table class="nbd-strips"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="nbd-scroll">{table}</div>{rest}'


def _fullest(counts: Sequence[int], panel: Histogram) -> tuple[float | None, float | None]:
    if not any(counts):
        return None, None
    i = max(range(len(counts)), key=counts.__getitem__)
    return panel.edges[i], panel.edges[i + 1]


def _bin_name(panel: Histogram, low: float | None) -> int | str | None:
    """What the bin that begins there stands for."""
    if low is None:
        return None
    return panel.bins[panel.edges.index(low)] if panel.bins else int(low + 0.5)


def _chosen(panel: Heatmap) -> tuple[list[str], list[tuple[float, ...]]]:
    chosen = evenly(len(panel.rows), MOST_ROWS)
    return [panel.rows[i] for i in chosen], [panel.values[i] for i in chosen]


def _cells(panel: Heatmap, rows: Sequence[str], values: Sequence[Sequence[float]]) -> str:
    levels, sized, signed = shades(values, svg.HEAT_LEVELS, log=panel.log)
    names = "".join(f'<i data-t="{escape(shortened(name, 34))}"{full_name(name, 34)}></i>' for name in rows)
    shown = evenly(len(panel.columns), 6)
    along = "".join(
        _label("x", f"left:{(i + 0.5) / len(panel.columns) * 100:.1f}%", shortened(panel.columns[i], 14))
        for i in shown
    )
    height = f"height:{len(rows) * (_ROW_HEIGHT if len(rows) > _FEW_ROWS else _FEW_HEIGHT)}px"
    axis = f'<i class="xl" data-t="{escape(one_line(panel.x_label))}"></i>' if panel.x_label else ""
    drawn = f'<div class="nbd-cells" style="{height}">{svg.heatmap(levels)}{along}{axis}</div>'
    legend = _legend(panel, values, sized.low, sized.high, log=sized.log, signed=signed)
    heat = f'<div class="nbd-heat"><div class="nbd-names">{names}</div>{drawn}</div>\n'
    return heat + legend


def _legend(
    panel: Heatmap, values: Sequence[Sequence[float]], low: float, high: float, *, log: bool, signed: bool
) -> str:
    unit = f" {escape(one_line(panel.unit))}" if panel.unit else ""
    low = -high if signed else low
    parts = [f"<span>{number(low)}{svg.ramp(signed)}{number(high)}{unit}</span>"]
    parts += ["<span>shades by logarithm</span>"] * log
    odd = [v for row in values for v in row if v != v or v in (float("inf"), float("-inf"))]
    infinite = sum(v == v for v in odd)
    parts += [f"<span>blank: {plural(len(odd) - infinite, 'cell')} nan</span>"] * (len(odd) > infinite)
    parts += [f'<span class="nbd-error">red: {plural(infinite, "cell")} inf</span>'] * (infinite > 0)
    return f'<div class="nbd-legend">{" ".join(parts)}</div>\n'


def _written_out(panel: Heatmap, rows: Sequence[str], values: Sequence[Sequence[float]]) -> str:
    used = [i for i in range(len(panel.columns)) if any(row[i] != 0 for row in values)]
    if len(rows) * len(used) <= _MOST_CELLS:
        columns = (one_line(panel.y_label), *(panel.columns[i] for i in used))
        table = table_html(columns, [(name, *(row[i] for i in used)) for name, row in zip(rows, values, strict=True)])
        table += "<p>columns of nothing but 0 are left out</p>" if len(used) < len(panel.columns) else ""
    else:
        columns = (one_line(panel.y_label), "lowest", "highest", "at")
        table = table_html(
            columns, [_extremes(name, row, panel) for name, row in zip(rows, values, strict=True)]
        )
    return f'<details class="nbd-numbers"><summary>in numbers</summary>\n{table}</details>\n'


def _extremes(name: str, row: Sequence[float], panel: Heatmap) -> tuple[str | float | None, ...]:
    seen = [(value, i) for i, value in enumerate(row) if value == value]
    if not seen:
        return (name, None, None, None)
    highest, at = max(seen)
    return (name, min(seen)[0], highest, panel.columns[at])


def _empty(words: str) -> str:
    return f"<p>{words}</p>"
