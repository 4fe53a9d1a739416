"""A box of ipywidgets to pick one of many things and see its panels, or a step and see the panels of all things there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import ipywidgets

from nbdebug.page import Panel
from nbdebug.render import html
from nbdebug.render.html_panels import panel_html
from nbdebug.render.numbers import shortened

Panels = Sequence[Panel]
_WIDE = {"width": "auto", "max_width": "860px", "flex": "1 1 auto"}


def render(
    names: Mapping[str, Sequence[str]],
    steps: Sequence[int],
    of_one: Callable[[str, str], Panels],
    at_step: Callable[[str, int], Panels],
) -> ipywidgets.VBox:
    """The box, to be displayed once. Its controls carry the CSS classes `nbd-kind`, `nbd-name`, `nbd-one`, `nbd-step`
    and `nbd-all`.

    Args:
        names: kind → the things of that kind.
        steps: among which the slider chooses.
        of_one: the panels of a thing, by kind and name.
        at_step: the panels of all things of a kind at a step.
    """
    return _Controls(names, steps, of_one, at_step).box


class _Controls:
    """The controls, and how they answer to each other."""

    def __init__(self, names, steps, of_one, at_step) -> None:
        self._names, self._of_one, self._at_step = names, of_one, at_step
        self.kind = _classed(ipywidgets.Dropdown(options=list(names), layout=_WIDE), "nbd-kind")
        self.name = _classed(ipywidgets.Dropdown(options=[], layout=_WIDE), "nbd-name")
        self.one = _classed(ipywidgets.HTML(), "nbd-one")
        self.step = _classed(ipywidgets.SelectionSlider(options=list(steps), value=steps[-1], layout=_WIDE), "nbd-step")
        self.all = _classed(ipywidgets.HTML(), "nbd-all")
        self.box = ipywidgets.VBox([
            _labelled("show", self.kind), _labelled("of", self.name), self.one, _labelled("at step", self.step), self.all,
        ])  # fmt: skip
        self.box.add_class("nbd-browse")
        for control, answer in ((self.kind, self._offer), (self.name, self._show_one), (self.step, self._show_all)):
            control.observe(lambda _, answer=answer: answer(), names="value")
        self._offer()

    def _offer(self) -> None:
        names = self._names[self.kind.value]
        # numbered, because a list of options needs them all different
        self.name.options = [(f"{i + 1}. {shortened(name, 70)}", name) for i, name in enumerate(names)]
        self.name.value = names[0]
        self._show_one()
        self._show_all()

    def _show_one(self) -> None:
        if self.name.value is not None:  # for a moment, while other options come
            self.one.value = _shown(self._of_one(self.kind.value, self.name.value))

    def _show_all(self) -> None:
        self.all.value = _shown(self._at_step(self.kind.value, self.step.value))


def _shown(panels: Panels) -> str:
    return html.fragment("".join(panel_html(panel, opened=True) for panel in panels))


def _labelled(name: str, control: ipywidgets.Widget) -> ipywidgets.HBox:
    row = ipywidgets.HBox([ipywidgets.Label(name, layout={"width": "4.5em"}), control])
    row.layout.max_width = _WIDE["max_width"]
    return row


def _classed(control: ipywidgets.Widget, name: str) -> ipywidgets.Widget:
    control.add_class(name)
    return control
