"""A page as a box of ipywidgets: filter the findings, open one, jump between panels."""

from __future__ import annotations

import ipywidgets

from nbdebug.findings import Finding, Severity
from nbdebug.page import Page, Panel, Section
from nbdebug.render import html, outline
from nbdebug.render.asking import Asking
from nbdebug.render.html_panels import body
from nbdebug.render.html_tables import escape
from nbdebug.render.numbers import plural, shortened
from nbdebug.render.shelf import Shelf

_ALL = "all"
_LINES = 6  # of the list of findings before it scrolls
_FEWEST_LINES = 2  # a list of one line looks like a field to type in
_WIDE = {"width": "auto", "max_width": "860px", "flex": "1 1 auto"}  # as wide as the text


def render(page: Page) -> ipywidgets.VBox:
    """The box, to be displayed once. Its controls carry CSS classes: `nbd-severity`, `nbd-level`, `nbd-finding`,
    `nbd-count`, `nbd-detail`, `nbd-panels`, `nbd-panel-view`; those of a collection stand in `shelf.Shelf`, those of a quiz in `asking.Asking`."""
    return _Controls(page).box


class _Controls:
    """The controls of one page and how they answer to each other."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.severity = _buttons(
            "severity", [str(s) for s in Severity if any(f.severity is s for f in page.findings)]
        )
        self.level = _buttons("level", _levels(page))
        self.count = _html("nbd-count")
        self.finding = _list("nbd-finding")
        self.detail = _html("nbd-detail")
        self.panels = _dropdown("nbd-panels")
        self.view = _html("nbd-panel-view")
        self.shelf = Shelf(page.collection, page.findings) if page.collection is not None else None
        self.asking = Asking(page.quiz) if page.quiz is not None and page.quiz.questions else None
        self.box = self._box()
        for control, answer in (
            (self.severity, self._filter_findings), (self.level, self._filter_all),
            (self.finding, self._open_finding), (self.panels, self._open_panel),
        ):  # fmt: skip
            control.observe(lambda _, answer=answer: answer(), names="value")
        self._filter_all()
        if self.shelf is not None:  # from here on: what stands open at first has not been chosen
            self.finding.observe(lambda _: self._jump(), names="value")

    def _box(self) -> ipywidgets.VBox:
        head = _html("nbd-head")
        head.value = html.fragment(html.head(self.page))
        severity, panels = _labelled("severity", self.severity), _labelled("panel", self.panels)
        found = [severity, self.count, self.finding, self.detail] if self.page.findings else [self.count]
        measured = [panels, self.view] if outline.panels(self.page) else []
        shelf = [part.box for part in (self.shelf, self.asking) if part is not None]
        box = ipywidgets.VBox([head, _labelled("level", self.level), *found, *shelf, *measured, self._foot()])
        box.add_class("nbd-widget")
        return box

    def _foot(self) -> ipywidgets.HTML:
        foot = _html("nbd-foot")
        foot.value = html.fragment(html.verdicts(self.page) + html.footer(self.page))
        return foot

    def _filter_all(self) -> None:
        self._filter_findings()
        chosen = [(s, p) for s, p in outline.panels(self.page) if self.level.value in (_ALL, _level(s))]
        options = [(_panel_label(i, s, p), i) for i, (s, p) in enumerate(chosen)]
        self._panels = [panel for _, panel in chosen]
        _offer(self.panels, options)
        self._open_panel()

    def _filter_findings(self) -> None:
        self._findings = [f for f in self.page.findings if self._wanted(f)]
        total = len(self.page.findings)
        words = (
            f"{len(self._findings)} of {plural(total, 'finding')}" if total else outline.headline(self.page)
        )
        self.count.value = f"<span>{escape(words)}</span>"
        self.finding.rows = max(_FEWEST_LINES, min(_LINES, len(self._findings)))
        _offer(self.finding, [(_finding_label(i, f), i) for i, f in enumerate(self._findings)])
        self._open_finding()

    def _wanted(self, finding: Finding) -> bool:
        in_level = self.level.value in (_ALL, outline.rung_name(outline.rung(finding)))
        return in_level and self.severity.value in (_ALL, str(finding.severity))

    def _open_finding(self) -> None:
        chosen = self.finding.value
        content = (
            "<p>No finding here.</p>" if chosen is None else html.card(self._findings[chosen], opened=True)
        )
        self.detail.value = html.fragment(content)

    def _jump(self) -> None:
        if self.shelf is not None and self.finding.value is not None:
            self.shelf.jump(self._findings[self.finding.value])

    def _open_panel(self) -> None:
        chosen = self.panels.value
        self.view.value = html.fragment(
            "<p>No panel here.</p>" if chosen is None else _shown(self._panels[chosen])
        )


def _levels(page: Page) -> list[str]:
    """The rungs that have findings or panels, from the bottom of the ladder up."""
    used = {outline.rung(finding) for finding in page.findings} | set(outline.ladder(page))
    known = [level for level in outline.LADDER if level in used]
    return [outline.rung_name(level) for level in [*known, *sorted(used - set(known))]]


def _level(section: Section) -> str:
    return outline.rung_name(section.level)


def _shown(panel: Panel) -> str:
    caption = getattr(panel, "caption", "")  # a note has none
    told = f'<p class="nbd-caption">{escape(caption)}</p>' if caption else ""
    return f'<div class="nbd-body">{body(panel)}{told}</div>'


def _offer(control: ipywidgets.Select | ipywidgets.Dropdown, options: list[tuple[str, int]]) -> None:
    """New options, the first of them chosen; the handler of the control is not waited for."""
    control.options = options
    control.value = options[0][1] if options else None
    control.disabled = not options


def _finding_label(i: int, finding: Finding) -> str:
    parts = [
        str(finding.severity),
        finding.code,
        shortened(finding.title, 60),
        shortened(str(finding.location), 60),
    ]
    # numbered, because a list of options needs them all different
    return f"{i + 1}. " + " · ".join(part for part in parts if part)


def _panel_label(i: int, section: Section, panel: Panel) -> str:
    return f"{i + 1}. {shortened(section.title, 40)}: {shortened(panel.title, 60)}"


def _labelled(name: str, control: ipywidgets.Widget) -> ipywidgets.HBox:
    row = ipywidgets.HBox([ipywidgets.Label(name, layout={"width": "4.5em"}), control])
    row.layout.max_width = _WIDE["max_width"]  # ends where the list and the text end
    return row


def _buttons(name: str, options: list[str]) -> ipywidgets.ToggleButtons:
    labels = [(shortened(option, 24), option) for option in options]
    control = ipywidgets.ToggleButtons(options=[(_ALL, _ALL), *labels], value=_ALL)
    control.style.button_width = "auto"
    control.add_class(f"nbd-{name}")
    return control


def _list(css_class: str) -> ipywidgets.Select:
    control = ipywidgets.Select(options=[], rows=_LINES, layout=_WIDE)
    control.add_class(css_class)
    return control


def _dropdown(css_class: str) -> ipywidgets.Dropdown:
    control = ipywidgets.Dropdown(options=[], layout=_WIDE)
    control.add_class(css_class)
    return control


def _html(css_class: str) -> ipywidgets.HTML:
    control = ipywidgets.HTML()
    control.add_class(css_class)
    return control
