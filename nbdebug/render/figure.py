"""A page as one matplotlib figure in seaborn's style: the panels that can be drawn, under what was found."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from typing import Any

import matplotlib
import seaborn
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import imread
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from nbdebug.page import Checklist, Curve, Gallery, Heatmap, Histogram, Page, Panel, Picture, Trace
from nbdebug.render import exhibits, outline
from nbdebug.render.curves import all_positions, all_values, positions
from nbdebug.render.numbers import LIGHTS, number, one_line, plural, shortened
from nbdebug.render.scales import counts_whole_numbers, evenly, geometric, shades
from nbdebug.render.theme import LIGHT

_COLUMNS, _WIDTH, _HEIGHT = 2, 5.6, 3.2  # of the grid; inches of one panel
_MOST_PANELS = 16
_MOST_ROWS, _MOST_TICKS, _MOST_EXHIBITS, _MOST_SERIES, _MOST_RIDGES = 60, 6, 24, 6, 24
_MOST_BARS, _MOST_ROW_NAMES = 20, 16  # that are named
_FEWEST_COLUMNS = 6  # of a gallery
_FEWEST_LINES = 7  # that a checklist has room for
_FINDINGS_IN_TITLE = 6
_LARGEST = 1e150  # its square is still a float


class ReportFigure(Figure):
    """A figure that pyplot does not know, so that it is shown once, and that shows itself all the same."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()


def render(page: Page) -> Figure:
    """All curves, histograms, heatmaps and galleries of the page in a grid; else a small one of words."""
    drawn = [panel for _, panel in outline.panels(page) if type(panel) in _DRAW and not _is_words(panel)]
    with matplotlib.rc_context(_style()):
        return _grid(page, drawn[:_MOST_PANELS], len(drawn)) if drawn else _words(page)


def _style() -> dict[str, Any]:
    style = {**seaborn.axes_style("whitegrid"), **seaborn.plotting_context("notebook", font_scale=0.8)}
    cycle = matplotlib.cycler(color=seaborn.color_palette("colorblind"))
    style = {
        name: value for name, value in style.items() if not name.startswith("font.")
    }  # the user may need his own
    words = {"text.usetex": False, "text.parse_math": False}  # a name such as "$x$" is a name, not a formula
    return {**style, **words, "axes.prop_cycle": cycle, "font.size": 9, "grid.linewidth": 0.6}


def _grid(page: Page, drawn: list[Panel], total: int) -> Figure:
    columns = min(_COLUMNS, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    words = _title(page) + ([f"{len(drawn)} of {total} panels are drawn"] if total > len(drawn) else [])
    figure = _figure(max(columns * _WIDTH, 7.0), rows * _HEIGHT + 0.2 * len(words) + 0.3)
    figure.suptitle("\n".join(words), x=0.01, ha="left", fontsize=9.5)
    # each panel lays itself out: long layer names in one leave the others their width
    places = figure.subfigures(rows, columns, squeeze=False).flat
    for place, panel in zip(places, drawn, strict=False):
        place.suptitle(_name(panel.title), x=0.02, ha="left", fontsize=10, fontweight="bold")
        if _nothing(panel):
            place.text(0.5, 0.45, "nothing to draw", ha="center", color="0.45")
        else:
            _DRAW[type(panel)](place, panel)
    return figure


def _is_words(panel: Panel) -> bool:
    """Whether all of a gallery's samples are texts or rows."""
    return isinstance(panel, Gallery) and bool(panel.exhibits) and not any(map(exhibits.is_drawn, panel.exhibits))


def _nothing(panel: Panel) -> bool:
    """Whether the panel has no number that could be drawn."""
    if isinstance(panel, Curve):
        return all(math.isnan(_drawable(v, log=panel.log_y)) for v in all_values(panel))
    if isinstance(panel, Histogram):
        return len(panel.edges) < 2 or not any(map(any, panel.counts.values()))
    if isinstance(panel, Heatmap):
        return not any(math.isfinite(v) for row in panel.values for v in row)
    return not (panel.answers if isinstance(panel, Checklist) else panel.exhibits)


def _words(page: Page) -> Figure:
    lines = _title(page)
    figure = _figure(7.0, 0.5 + 0.24 * len(lines))
    figure.text(0.01, 0.5, "\n".join(lines), va="center", fontsize=9.5)
    return figure


def _figure(width: float, height: float) -> Figure:
    figure = ReportFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _title(page: Page) -> list[str]:
    findings = [
        _name(f"{f.severity} {f.code} {one_line(f.title)} · {f.location}".removesuffix(" · "), 110)
        for f in page.findings[:_FINDINGS_IN_TITLE]
    ]
    more = len(page.findings) - _FINDINGS_IN_TITLE
    alarm = [] if page.intact else ["Your session was changed: " + " · ".join(map(_name, page.footer))]
    head = _name(" · ".join(filter(None, [page.title, page.subtitle])), 110)
    return [
        head,
        outline.headline(page),
        *findings,
        *([f"… {plural(more, 'more finding')}"] if more > 0 else []),
        *alarm,
    ]


def _name(text: str, most: int = 60) -> str:
    """A short name, with a box for each emoji: matplotlib's fonts draw none, and warn."""
    return "".join(c if ord(c) < 0x10000 else "□" for c in shortened(text, most))


def _curve(place: SubFigure, panel: Curve) -> None:
    axes = place.subplots()
    for name, values in list(panel.series.items())[:_MOST_SERIES]:
        x = positions(panel, name)
        heights = [_drawable(v, log=panel.log_y) for v in values]
        marker = "o" if sum(map(math.isfinite, heights)) < 3 else ""
        (line,) = axes.plot(x[: len(heights)], heights, label=_name(name, 30), marker=marker, linewidth=1.6)
        if name in panel.spread:
            low, high = ([_drawable(v, log=panel.log_y) for v in end] for end in panel.spread[name])
            axes.fill_between(x[: len(low)], low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        broken = [
            x[i]
            for i in range(1, len(values))
            if math.isfinite(values[i - 1]) and not math.isfinite(values[i])
        ]
        for at in broken[:_MOST_TICKS]:
            axes.axvline(at, color=LIGHT["error"], linestyle=":", linewidth=1.2)
    axes.set(
        xlabel=_name(panel.x_label), ylabel=_name(panel.y_label),
        xscale="log" if geometric(all_positions(panel)) else "linear", yscale="log" if panel.log_y else "linear",
    )  # fmt: skip
    _plain_ticks(axes)
    seaborn.despine(ax=axes)
    _legend(axes, len(panel.series))


def _drawable(value: float, *, log: bool = False) -> float:
    """NaN for what has no place on the axis; clipped where matplotlib's own arithmetic would overflow."""
    if not math.isfinite(value) or (log and value <= 0):
        return math.nan
    return max(-_LARGEST, min(_LARGEST, value))


def _histogram(place: SubFigure, panel: Histogram) -> None:
    axes, edges = place.subplots(), list(map(_drawable, panel.edges))
    if len(panel.counts) > _MOST_SERIES:
        _ridge(axes, panel, edges)
        return
    if counts_whole_numbers(panel):
        _bars(axes, panel)
        return
    alone = len(panel.counts) == 1
    for name, counts in list(panel.counts.items())[:_MOST_SERIES]:
        axes.stairs(counts, edges, label=_name(name, 30), fill=alone, alpha=0.8, linewidth=1.4)
    log = panel.log_x and all(edge > 0 for edge in panel.edges)
    axes.set(xlabel=_name(panel.x_label), ylabel="count", xscale="log" if log else "linear")
    _plain_ticks(axes)
    seaborn.despine(ax=axes)
    _legend(axes, len(panel.counts))


def _bars(axes: Axes, panel: Histogram) -> None:
    """A group of bars for each whole number, as class labels are."""
    at = [int(edge + 0.5) for edge in panel.edges[:-1]]
    width = 0.8 / len(panel.counts)
    for i, (name, counts) in enumerate(panel.counts.items()):
        axes.bar([number + (i + 0.5) * width - 0.4 for number in at], counts, width, label=_name(name, 30), alpha=0.85, linewidth=0)
    shown = range(0, len(at), math.ceil(len(at) / _MOST_BARS))
    labels = [_name(panel.bins[i], 14) if panel.bins else str(at[i]) for i in shown]
    axes.set_xticks([at[i] for i in shown], labels, rotation=90 if max(map(len, labels)) * len(labels) > 80 else 0)
    axes.set(xlabel=_name(panel.x_label), ylabel="count")
    axes.grid(False, axis="x")
    seaborn.despine(ax=axes)
    _legend(axes, len(panel.counts))


def _ridge(axes: Axes, panel: Histogram, edges: list[float]) -> None:
    """One outline below the other, each as tall as its own largest bin and a little into the one above."""
    names = list(panel.counts)
    chosen = evenly(len(names), _MOST_RIDGES)
    for row, i in enumerate(chosen):
        counts = panel.counts[names[i]]
        top = max(counts, default=0) or 1
        heights = [row - 1.4 * n / top for n in counts]
        axes.stairs(heights, edges, baseline=row, fill=True, color=LIGHT["s0"], alpha=0.65, zorder=row + 2)
        axes.stairs(heights, edges, baseline=row, color="white", linewidth=0.8, zorder=row + 2)
    axes.set_yticks(range(len(chosen)), [_name(names[i], 28) for i in chosen], fontsize=7)
    axes.set(xlabel=_name(panel.x_label), ylim=(len(chosen), -1.6))
    axes.grid(False, axis="y")
    seaborn.despine(ax=axes, left=True)


def _plain_ticks(axes: Axes) -> None:
    """Logarithmic axes write their ticks as formulas, which are off here; numbers read as everywhere else."""
    shown = FuncFormatter(lambda value, _: number(float(value)))
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() != "log":
            continue
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(numticks=_MOST_TICKS))
        axis.set_major_formatter(shown)
        axis.set_minor_locator(LogLocator(subs=(2, 5), numticks=_MOST_TICKS))
        axis.set_minor_formatter(shown if high < 100 * low else NullFormatter())  # else decades are labels enough


def _legend(axes: Axes, series: int) -> None:
    if series > 1:
        title = f"{_MOST_SERIES} of {series}" if series > _MOST_SERIES else None
        axes.legend(frameon=False, fontsize="small", title=title)


def _heatmap(place: SubFigure, panel: Heatmap) -> None:
    axes, chosen = place.subplots(), evenly(len(panel.rows), _MOST_ROWS)
    values = [[_drawable(v) for v in panel.values[i]] for i in chosen]
    norm, colours = _shading(values, log=panel.log)
    mesh = axes.pcolormesh(values, norm=norm, cmap=colours)
    axes.invert_yaxis()
    axes.grid(False)
    down, across = range(0, len(chosen), math.ceil(len(chosen) / _MOST_ROW_NAMES)), evenly(len(panel.columns), _MOST_TICKS)
    axes.set_yticks([i + 0.5 for i in down], [_name(panel.rows[chosen[i]], 28) for i in down], fontsize=7)
    axes.set_xticks([i + 0.5 for i in across], [_name(panel.columns[i], 14) for i in across], fontsize=8)
    axes.set(xlabel=_name(panel.x_label), ylabel=_name(panel.y_label))
    place.colorbar(mesh, ax=axes, label=_name(panel.unit))


def _shading(values: list[list[float]], *, log: bool) -> tuple[Normalize, Any]:
    _, sized, signed = shades(values, 1, log=log)
    if signed:
        return TwoSlopeNorm(0.0, -sized.high, sized.high), seaborn.color_palette("vlag", as_cmap=True)
    kind = LogNorm if sized.log else Normalize
    return kind(sized.low, sized.high), seaborn.color_palette("mako_r", as_cmap=True)


def _gallery(place: SubFigure, panel: Gallery) -> None:
    drawn = [exhibit for exhibit in panel.exhibits if exhibits.is_drawn(exhibit)][:_MOST_EXHIBITS]
    columns = max(_FEWEST_COLUMNS, math.ceil(math.sqrt(2 * len(drawn))))
    grid = list(place.subplots(math.ceil(len(drawn) / columns), columns, squeeze=False).flat)
    for axes in grid:
        axes.set_axis_off()
    for axes, exhibit in zip(grid, drawn, strict=False):
        if isinstance(exhibit, Picture) and exhibit.png:
            pixels = imread(io.BytesIO(base64.b64decode(exhibit.png)), format="png")
            axes.imshow(pixels, cmap="gray", vmin=0, vmax=1)
        elif isinstance(exhibit, Trace):
            for values in exhibit.series.values():
                axes.plot([_drawable(v) for v in values], linewidth=0.8)
        words = [_name(text, 120 // columns) for text in (exhibit.label, exhibit.note) if text]
        axes.set_title("\n".join(words), fontsize=6, pad=2)


def _checklist(place: SubFigure, panel: Checklist) -> None:
    axes = place.subplots()
    axes.set_axis_off()
    lines = max(_FEWEST_LINES, len(panel.answers))
    for row, answer in enumerate(panel.answers):
        height, colour = 1 - (row + 0.5) / lines, LIGHT.get(answer.light, "0.5")
        axes.text(0.0, height, LIGHTS.get(answer.light, "?"), color=colour, fontweight="bold", va="center")
        axes.text(0.06, height, _name(answer.question, 28), fontweight="bold", fontsize=7.5, va="center")
        axes.text(0.45, height, _name(answer.words, 44), fontsize=7.5, va="center")


_DRAW: dict[type, Callable[[SubFigure, Any], None]] = {
    Curve: _curve, Histogram: _histogram, Heatmap: _heatmap, Gallery: _gallery, Checklist: _checklist,
}  # fmt: skip
