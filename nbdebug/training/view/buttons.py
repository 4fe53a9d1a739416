"""Pause, Stop, Snapshot, Checkpoint: a click is answered at once, and what takes its time goes on in a thread of its own."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets

from nbdebug.errors import LaunchError, NbdebugError, first_line
from nbdebug.render import html
from nbdebug.render.html_tables import escape
from nbdebug.training.monitor import PAUSED, RUNNING, STOPPING
from nbdebug.training.view import answering

if TYPE_CHECKING:
    from nbdebug.training.run import Run

NAMES = ("pause", "stop", "snapshot", "checkpoint")
WHAT = {
    "pause": "all ranks wait at the same step", "stop": "ends at the same step everywhere, with a checkpoint",
    "snapshot": "the live weights, optimizer and batch of rank 0, into this kernel", "checkpoint": "writes one now",
}  # fmt: skip


class Buttons:
    """A row of buttons, and a line beneath for what became of them; `nbd-pause` …, `nbd-said`."""

    def __init__(self, run: Run) -> None:
        self._known = weakref.ref(run)  # widgets live as long as the kernel
        self._buttons = {name: ipywidgets.Button(description=name.title(), tooltip=WHAT[name], layout={"width": "auto"}) for name in NAMES}
        self._said = ipywidgets.HTML()
        self._said.add_class("nbd-said")
        for name, button in self._buttons.items():
            button.add_class(f"nbd-{name}")
            button.on_click(partial(self._pressed, getattr(self, f"_{name}")))
            answering.also_while_cells_run(button)
        self.widget = ipywidgets.VBox([ipywidgets.HBox(list(self._buttons.values())), self._said])
        self.follow(run.state, ended=run.ended)

    def follow(self, state: str, *, ended: bool) -> None:
        """What can be asked for in this state."""
        pause, stop = self._buttons["pause"], self._buttons["stop"]
        pause.description = "Resume" if state == PAUSED else "Pause"
        stop.description = "Stop now" if state == STOPPING else "Stop"
        for name in ("pause", "snapshot", "checkpoint"):
            self._buttons[name].disabled = state not in (RUNNING, PAUSED)
        stop.disabled = ended
        if ended:
            self.widget.children[0].layout.display = "none"

    @property
    def _run(self) -> Run:
        run = self._known()
        if run is None:
            raise LaunchError("this kernel has let go of the run: nbdebug.attach() finds it again")
        return run

    def _pause(self) -> None:
        if self._run.state == PAUSED:
            self._run.resume()
        else:
            self._run.pause()

    def _stop(self) -> None:
        self._run.stop("stopped with the button")

    def _snapshot(self) -> None:
        self._aside("taking a snapshot …", self._take_snapshot)

    def _checkpoint(self) -> None:
        self._aside("writing a checkpoint …", lambda: f"wrote {self._run.checkpoint().name}")

    def _take_snapshot(self) -> str:
        taken = self._run.snapshot()
        return f"rank {taken.rank} at step {taken.step:,}: run.snapshots[-1] has its weights and batch, and .setup, which any instrument takes"

    def _aside(self, meanwhile: str, deed: Callable[[], str]) -> None:
        self._say(meanwhile)
        threading.Thread(target=self._try, args=(lambda: self._say(deed()),), name="nbdebug button", daemon=True).start()

    def _pressed(self, deed: Callable[[], None], button: ipywidgets.Button) -> None:
        self._try(deed)

    def _try(self, deed: Callable[[], None]) -> None:
        """An exception in an answer to a click would be printed wherever the front end likes."""
        try:
            deed()
        except NbdebugError as error:
            self._say(first_line(error))
        except Exception as error:
            self._say(f"{type(error).__name__}: {first_line(error)}")

    def _say(self, words: str) -> None:
        self._said.value = html.part(f'<p class="nbd-quiet">{escape(words)}</p>')
