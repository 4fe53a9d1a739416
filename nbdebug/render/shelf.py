"""A box of ipywidgets to look through samples, a page at a time, and columns, one at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable

import ipywidgets

from nbdebug.findings import Finding
from nbdebug.page import Collection, Sample
from nbdebug.render import html
from nbdebug.render.exhibits import gallery_html
from nbdebug.render.html_panels import panel_html
from nbdebug.render.html_tables import escape
from nbdebug.render.numbers import plural, shortened

ON_A_PAGE = 12
_ALL = "all"
_WIDE = {"width": "auto", "max_width": "860px", "flex": "1 1 auto"}

Named = tuple[str, frozenset[tuple[str, int]] | None]  # what it says; the samples that it names, None for all


class Shelf:
    """The controls of one collection. They carry the CSS classes `nbd-split`, `nbd-class`, `nbd-named`, `nbd-prev`, `nbd-page`,
    `nbd-next`, `nbd-shown`, `nbd-column` and `nbd-column-view`."""

    def __init__(self, collection: Collection, findings: Iterable[Finding]) -> None:
        self._collection = collection
        self._named = _all_named(collection, tuple(findings))
        self._found: list[Sample] = []
        self.split = _dropdown("nbd-split", [(name, name) for name in [_ALL, *_splits(collection)]])
        self.group = _dropdown("nbd-class", _groups(collection, _ALL))
        self.named = _dropdown("nbd-named", [(said, i) for i, (said, _) in enumerate(self._named)])
        self.before, self.after = _button("‹ previous", "nbd-prev"), _button("next ›", "nbd-next")
        self.page = ipywidgets.IntSlider(value=1, min=1, max=1, layout={"flex": "1 1 auto"}, continuous_update=False)
        self.page.add_class("nbd-page")
        self.shown = _html("nbd-shown")
        self.column = _dropdown("nbd-column", [(f"{i + 1}. {shortened(name, 70)}", name) for i, name in enumerate(collection.columns)])
        self.view = _html("nbd-column-view")
        self.box = self._box()
        self._listen()
        self._choose()
        self._show_column()

    def jump(self, finding: Finding) -> None:
        """Shows the samples that a finding names; all of them for one that names none."""
        names = named_by(finding)
        place = next((i for i, (_, named) in enumerate(self._named) if named == names), 0) if names else 0
        self.split.value = self.group.value = _ALL
        self.named.value = place

    def _box(self) -> ipywidgets.VBox:
        turning = ipywidgets.HBox([self.before, self.page, self.after], layout={"max_width": _WIDE["max_width"]})
        chosen = [("split", self.split, len(self.split.options) > 2), ("class", self.group, len(self.group.options) > 1)]
        chosen.append(("named by", self.named, len(self._named) > 1))
        samples = [*(_labelled(name, control) for name, control, useful in chosen if useful), turning, self.shown]
        columns = [_labelled("column", self.column), self.view]
        box = ipywidgets.VBox([*samples * bool(self._collection.samples), *columns * bool(self._collection.columns)])
        box.add_class("nbd-shelf")
        return box

    def _listen(self) -> None:
        for control, answer in (
            (self.split, self._offer_groups), (self.group, self._choose), (self.named, self._choose), (self.page, self._show_page),
            (self.column, self._show_column),
        ):  # fmt: skip
            control.observe(lambda _, answer=answer: answer(), names="value")
        self.before.on_click(lambda _: self._turn(-1))
        self.after.on_click(lambda _: self._turn(1))

    def _offer_groups(self) -> None:
        before = self.group.value
        options = _groups(self._collection, self.split.value)
        self.group.options = options
        self.group.value = before if before in [value for _, value in options] else _ALL
        self._choose()

    def _choose(self) -> None:
        self._found = [sample for sample in self._collection.samples if self._wanted(sample)]
        pages = max(1, math.ceil(len(self._found) / ON_A_PAGE))
        self.page.max, self.page.value = pages, 1
        self._show_page()

    def _wanted(self, sample: Sample) -> bool:
        names = self._named[self.named.value][1]
        if names is not None and (sample.split, sample.id) not in names:
            return False
        return self.split.value in (_ALL, sample.split) and self.group.value in (_ALL, sample.group, None)

    def _turn(self, by: int) -> None:
        self.page.value = min(self.page.max, max(1, self.page.value + by))

    def _show_page(self) -> None:
        first = (self.page.value - 1) * ON_A_PAGE
        here = self._found[first : first + ON_A_PAGE]
        self.before.disabled, self.after.disabled = self.page.value <= 1, self.page.value >= self.page.max
        said = f"{first + 1} to {first + len(here)} of {plural(len(self._found), 'sample')}" if here else "none of these samples was kept"
        names = self._named[self.named.value][1]
        if names is not None and len(self._found) < len(names):
            said += f"; {len(names)} are named"
        gallery = gallery_html(sample.exhibit for sample in here) if here else ""
        self.shown.value = html.fragment(f'<p class="nbd-quiet">{escape(said)}</p>\n{gallery}')

    def _show_column(self) -> None:
        panels = self._collection.columns.get(self.column.value, ())
        self.view.value = html.fragment("".join(panel_html(panel, opened=True) for panel in panels))


def named_by(finding: Finding) -> frozenset[tuple[str, int]]:
    """The samples of a finding: split and number of each, as its evidence has them."""
    split, samples = finding.evidence.get("split"), str(finding.evidence.get("samples", ""))
    numbers = [int(word) for word in samples.split(",") if word.strip().lstrip("-").isdigit()]
    return frozenset((str(split), number) for number in numbers)


def _all_named(collection: Collection, findings: tuple[Finding, ...]) -> list[Named]:
    """What may be named: nothing in particular, the samples of each finding, those that share a reason."""
    all_of_them: list[Named] = [("anything", None)]
    told = [(f, named_by(f)) for f in findings]
    found: list[Named] = [(_words(f, len(names)), names) for f, names in told if names]
    reasons: dict[str, list[tuple[str, int]]] = {}
    for sample in collection.samples:
        for reason in sample.reasons:
            reasons.setdefault(reason, []).append((sample.split, sample.id))
    said = {names for _, names in found}
    found += [(f"{shortened(reason, 60)} ({len(ids)})", frozenset(ids)) for reason, ids in reasons.items() if frozenset(ids) not in said]
    # numbered, because a list of options needs them all different
    return all_of_them + [(f"{i + 1}. {words}", names) for i, (words, names) in enumerate(found)]


def _words(finding: Finding, count: int) -> str:
    where = [shortened(str(finding.location), 40)] if finding.location else []
    return f"{' · '.join([f'{finding.code} {shortened(finding.title, 40)}', *where])} ({count})"


def _splits(collection: Collection) -> list[str]:
    return list(dict.fromkeys(sample.split for sample in collection.samples))


def _groups(collection: Collection, split: str) -> list[tuple[str, str]]:
    counts: dict[str, int] = {}
    for name, groups in collection.groups.items():
        for group, count in groups.items() if split in (_ALL, name) else ():
            counts[group] = counts.get(group, 0) + count
    return [(_ALL, _ALL), *((f"{shortened(group, 60)} ({count:,})", group) for group, count in counts.items())]


def _labelled(name: str, control: ipywidgets.Widget) -> ipywidgets.HBox:
    return ipywidgets.HBox([ipywidgets.Label(name, layout={"width": "5.5em"}), control], layout={"max_width": _WIDE["max_width"]})


def _dropdown(css_class: str, options: list[tuple[str, object]]) -> ipywidgets.Dropdown:
    control = ipywidgets.Dropdown(options=options, layout=_WIDE)
    control.add_class(css_class)
    return control


def _button(words: str, css_class: str) -> ipywidgets.Button:
    control = ipywidgets.Button(description=words, layout={"width": "auto"})
    control.add_class(css_class)
    return control


def _html(css_class: str) -> ipywidgets.HTML:
    control = ipywidgets.HTML()
    control.add_class(css_class)
    return control
