"""The live box: what stands in it is replaced part by part, and only where it has changed."""

from __future__ import annotations

import ipywidgets

from nbdebug.page import Glance
from nbdebug.render import html
from nbdebug.render.html_tables import escape, table_html
from nbdebug.render.numbers import one_line
from nbdebug.training.monitor import DONE, FAILED, PAUSED, STOPPING
from nbdebug.training.view.buttons import Buttons
from nbdebug.training.view.picture import Picture

COLOURS = {DONE: "nbd-sound", FAILED: "nbd-error", PAUSED: "nbd-warning", STOPPING: "nbd-warning"}
PARTS = ("head", "charts", "ranks", "told", "layers", "printed")


class Box:
    """The widgets of one run. They carry CSS classes: `nbd-run`, `nbd-run-head` …, those of the buttons stand in `buttons`."""

    def __init__(self, buttons: Buttons) -> None:
        self.buttons = buttons
        style = ipywidgets.HTML(html.fragment(""), layout={"display": "none"})
        self._parts = {name: ipywidgets.HTML() for name in PARTS}
        for name, part in self._parts.items():
            part.add_class(f"nbd-run-{name}")
        head, *rest = self._parts.values()
        self.widget = ipywidgets.VBox([style, head, buttons.widget, *rest], layout={"max_width": "880px"})
        self.widget.add_class("nbd-run")
        self.widget.add_class("nbd-widget")

    def put(self, picture: Picture) -> None:
        """Shows this."""
        content = {
            "head": _head(picture), "charts": f'<div class="nbd-pair">{html.drawings(picture.curves)}</div>\n' if picture.curves else "",
            "ranks": table_html(picture.ranks.columns, picture.ranks.rows), "told": _told(picture), "layers": f'<div class="nbd-pair">{html.drawings(picture.layers)}</div>\n' if picture.layers else "", "printed": _printed(picture),
        }  # fmt: skip
        for name, part in self._parts.items():
            if part.value != (new := html.part(content[name])):
                part.value = new
        self.buttons.follow(picture.state, ended=picture.ended)


def _head(picture: Picture) -> str:
    """Its name, how far it is, and why it is no further."""
    state = f'<span class="nbd-state {COLOURS.get(picture.state, "")}">{escape(picture.state)}</span>'
    words = html.progress(Glance(f"run {picture.id}", picture.words, picture.done if not picture.ended else None))
    words = words.replace('<span class="nbd-quiet">', f'· {state} <span class="nbd-quiet">· ', 1)
    trouble = f'<p class="nbd-error">{escape(one_line(picture.trouble))}</p>\n' if picture.trouble and picture.state == FAILED else ""
    return words + trouble


def _told(picture: Picture) -> str:
    found = html.found_lines(picture.findings) if picture.findings else ""
    notes = "".join(f"<p>{escape(one_line(note))}</p>\n" for note in picture.notes)
    return found + (f'<div class="nbd-notes">{notes}</div>\n' if notes else "")


def _printed(picture: Picture) -> str:
    return f'<h5>Last output</h5>\n<pre class="nbd-paste"><code>{escape(picture.printed)}</code></pre>\n' if picture.printed else ""
