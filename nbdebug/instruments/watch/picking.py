"""Picking one layer of a watched training and seeing its history, or one step and seeing all layers."""

from __future__ import annotations

import difflib
from typing import Any

from nbdebug.errors import SetupError
from nbdebug.instruments.report import Report
from nbdebug.instruments.watch.panels.history import history_of, ridge_of
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.page import Page, Panel, Section


def figure(result: WatchResult, layer: str | None = None, *, step: int | None = None, what: str | None = None) -> Any:
    """One layer's or parameter's history, or all of them at one step, as a matplotlib figure.

    Args:
        layer: a name as the report shows it: "encoder.0", "encoder.0.weight".
        step: the ridge over all layers at this step instead.
        what: "activation", "activation gradient", "weight", "gradient" or "update"; None: all that the layer has, and
            activations for a ridge.

    Raises:
        SetupError: nothing of that name, or of that kind, was seen.
    """
    from nbdebug.render import figure as drawing

    known = {track.what for track in result.tensors}
    if what is not None and what not in known:
        raise SetupError(f"no {what!r} was seen: there is {', '.join(sorted(known)) or 'nothing'}")
    panels = _of_layer(result, layer, what) if layer is not None else [_ridge(result, what, step)]
    title = layer if layer is not None else f"{what or 'activation'}s"
    return drawing.render(Page(title, "", (), (), (Section(title, "", tuple(panels)),)))


def widget(report: Report) -> Any:
    """The report as an ipywidgets box, and under it a layer to pick and a step to slide to."""
    import ipywidgets

    from nbdebug.render import browse
    from nbdebug.render import widget as reading

    whole, result = reading.render(report.page()), report.result
    names = {track.what: [t.name for t in result.tensors_of(track.what) if t.steps] for track in result.tensors}
    names = {what: several for what, several in names.items() if several}
    steps = sorted({step for track in result.tensors for step in track.steps})
    if not names:
        return whole
    pick = browse.render(
        names, steps, lambda what, name: history_of(result, what, name), lambda what, step: (ridge_of(result, what, step),)
    )
    return ipywidgets.VBox([whole, pick])


def _of_layer(result: WatchResult, layer: str, what: str | None) -> list[Panel]:
    kinds = [t.what for t in result.tensors if t.name == layer and what in (None, t.what)]
    if not kinds:
        names = list(dict.fromkeys(t.name for t in result.tensors if what in (None, t.what)))
        near = difflib.get_close_matches(layer, names, 1, 0.5)
        some = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        hint = f": did you mean {near[0]!r}?" if near else f": there is {some or 'none'}"
        raise SetupError(f"no {what or 'tensor'} of {layer!r} was seen{hint}")
    return [panel for kind in kinds for panel in history_of(result, kind, layer)]


def _ridge(result: WatchResult, what: str | None, step: int | None) -> Panel:
    tracks = result.tensors_of(what or "activation")
    last = max((track.steps[-1] for track in tracks if track.steps), default=0)
    return ridge_of(result, what or "activation", last if step is None else step)
