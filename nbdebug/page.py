"""A page is what a report shows: findings, and seven neutral kinds of panel that every renderer knows.

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
    bins: tuple[str, ...] = ()  # (B,) names of the bins, where each is one class; else ()


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
    """A small image, with masks and boxes drawn into it already."""

    label: str
    png: str  # base64 of a PNG file
    width: int  # pixels
    height: int
    note: str = ""  # a few words under it: its range of values, why one should see it


@dataclass(frozen=True)
class Words:
    """A text, or tokens in a row."""

    label: str
    text: str
    before: str = ""  # padding, which is shown fainter
    after: str = ""
    note: str = ""


@dataclass(frozen=True)
class Trace:
    """A small curve: audio, or the channels of a series."""

    label: str
    series: dict[str, tuple[float, ...]]  # name → values over a common axis; NaN leaves a gap
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    label: str
    values: dict[str, str | float | int | bool | None]  # column → value
    note: str = ""


Exhibit = Picture | Words | Trace | Row  # a sample, shown as what it is


@dataclass(frozen=True)
class Gallery:
    """Samples side by side."""

    title: str
    exhibits: tuple[Exhibit, ...]
    caption: str = ""


@dataclass(frozen=True)
class Note:
    """A few sentences. `kind` is "text", or "code" for something to paste or read in a fixed font."""

    title: str
    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Answer:
    """A question of a checklist, with its light and what stands behind it."""

    question: str
    light: str  # "sound", "error", "warning", "info" or "not checked"
    words: str  # the answer in a line
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Curve | Histogram | Heatmap | Table | Gallery | Note, ...] = ()


@dataclass(frozen=True)
class Checklist:
    """Questions, each with a light, its evidence a click away."""

    title: str
    answers: tuple[Answer, ...]
    caption: str = ""


Panel = Curve | Histogram | Heatmap | Table | Gallery | Note | Checklist


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
class Sample:
    """An exhibit that can be looked for."""

    split: str  # "train_loader"
    id: int  # as findings name it
    group: str  # its class; "" where it has none
    reasons: tuple[str, ...]  # why one should see it: "all black", "also in val_loader"
    exhibit: Exhibit


@dataclass(frozen=True)
class Collection:
    """Samples and columns to look through, more than a page has room for."""

    samples: tuple[Sample, ...] = ()
    groups: dict[str, dict[str, int]] = field(default_factory=dict)  # split → class → how many there are of it
    columns: dict[str, tuple[Histogram | Table, ...]] = field(default_factory=dict)  # column or channel → how it looks


@dataclass(frozen=True)
class Question:
    """A sample to label oneself."""

    exhibit: Exhibit
    truth: str | float  # a choice of the quiz, or a number
    answers: dict[str, str | float]  # what others say of it, by their names


@dataclass(frozen=True)
class Quiz:
    """Samples to label oneself, beside what models made of them."""

    questions: tuple[Question, ...]
    choices: tuple[str, ...] = ()  # the classes; (): a number is asked for


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
    collection: Collection | None = None  # of the samples, for a renderer in which one can choose
    quiz: Quiz | None = None  # for a renderer that can ask


@dataclass(frozen=True)
class Glance:
    """A few words and small panels, for one place that is refreshed while something runs."""

    title: str
    line: str  # how it goes, in so few words that a terminal has room for them
    done: float | None = None  # share of what is under way, 0 to 1; None when its length is not known
    findings: tuple[Finding, ...] = ()  # worst first
    panels: tuple[Panel, ...] = ()
