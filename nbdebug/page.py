"""A page is what a report shows: findings, and six neutral kinds of panel that every renderer knows.

A glance is the small thing that is refreshed while something runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nbdebug.findings import Finding


@dataclass(frozen=True)
class Curve:
    """One or several lines over a common axis, such as a loss over steps."""

    title: str
    series: dict[str, tuple[float, ...]]  # name → y values; NaN leaves a gap
    x: tuple[float, ...] = ()  # empty: 0, 1, 2 …
    x_label: str = "step"
    y_label: str = ""
    log_y: bool = False
    caption: str = ""
    own_x: dict[str, tuple[float, ...]] = field(default_factory=dict)  # of series that lie at other places than `x`
    # name → the lowest and the highest of what each of its points stands for, where it stands for several
    spread: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Histogram:
    """Counts per bin, for one or several named distributions."""

    title: str
    edges: tuple[float, ...]  # (B + 1,)
    counts: dict[str, tuple[int, ...]]  # name → (B,)
    x_label: str = ""
    log_x: bool = False
    caption: str = ""


@dataclass(frozen=True)
class Heatmap:
    """A matrix of numbers with named rows, such as layers by magnitude bins."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]  # (rows, columns); NaN is drawn as absent
    x_label: str = ""
    y_label: str = ""
    unit: str = ""
    caption: str = ""
    log: bool = False  # shaded by logarithm, also where the values lie near each other


@dataclass(frozen=True)
class Table:
    """Rows of plain values; numbers are formatted by the renderer."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | bool | None, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """One small image of a gallery."""

    label: str
    pixels: tuple[tuple[tuple[float, ...], ...], ...]  # (H, W, C) in 0..1, C is 1 or 3


@dataclass(frozen=True)
class Gallery:
    """Samples side by side."""

    title: str
    pictures: tuple[Picture, ...]
    caption: str = ""


@dataclass(frozen=True)
class Note:
    """A few sentences. `kind` is "text", or "code" for something to paste or read in a fixed font."""

    title: str
    text: str
    kind: str = "text"


Panel = Curve | Histogram | Heatmap | Table | Gallery | Note


@dataclass(frozen=True)
class Verdict:
    """What became of one check: "found", "sound", or "not checked" with the reason."""

    code: str
    title: str
    state: str  # "found", "sound" or "not checked"
    reason: str = ""


@dataclass(frozen=True)
class Section:
    """The panels of one instrument."""

    title: str
    level: str  # the rung of the ladder: "data", "code", "numbers", "optimisation", "own" or ""
    panels: tuple[Panel, ...]
    seconds: float = 0.0


@dataclass(frozen=True)
class Page:
    """All that a renderer gets to see."""

    title: str
    subtitle: str
    findings: tuple[Finding, ...]  # worst and most specific first
    verdicts: tuple[Verdict, ...]
    sections: tuple[Section, ...]
    footer: tuple[str, ...] = ()  # the promise kept (or broken), limits, seconds
    intact: bool = True  # False when the session was found changed: the footer is then a warning
    unfinished: str = ""  # what is still being done, or why the measurement ended early: nothing found is then "so far"


@dataclass(frozen=True)
class Glance:
    """A few words and small panels, for one place that is refreshed while something runs."""

    title: str
    line: str  # how it goes, in so few words that a terminal has room for them
    done: float | None = None  # share of what is under way, 0 to 1; None when its length is not known
    findings: tuple[Finding, ...] = ()  # worst first
    panels: tuple[Panel, ...] = ()
