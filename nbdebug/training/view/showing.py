"""Where a run is displayed in this kernel: one live box, in as many cells as asked for it, and a still page in each when the run is over."""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from IPython.display import DisplayHandle, display

from nbdebug import render
from nbdebug.training.local import at_home
from nbdebug.training.view.box import Box
from nbdebug.training.view.buttons import Buttons
from nbdebug.training.view.picture import Picture, Pictures

if TYPE_CHECKING:
    from nbdebug.training.run import Run

EVERY = 0.25  # seconds between two refreshes at least; a run tells ten times a second at most
WAIT_FACTOR = 100  # times what the last one cost: one percent of the time of one core
LONGEST = 2.0  # seconds between two refreshes at most, while there is something new

_showings: weakref.WeakKeyDictionary[Run, Showing] = weakref.WeakKeyDictionary()


def of(run: Run) -> Showing:
    """Where this run is displayed."""
    return _showings.setdefault(run, Showing(run))


class Showing:
    """The displays of one run."""

    def __init__(self, run: Run) -> None:
        self._run = weakref.ref(run)
        self._lock = threading.RLock()  # refreshed by the thread that looks after the run, and by cells
        self._pictures: Pictures | None = None
        self._picture: Picture | None = None  # the last one
        self._box: Box | None = None
        self._handles: list[DisplayHandle] = []  # of all displays that began live
        self._live = False
        self._cell: Any = None  # the last cell that displayed it
        self._due, self._state = 0.0, ""

    @property
    def in_sight(self) -> bool:
        """Whether a live box of it stands somewhere."""
        return self._live

    def display(self) -> None:
        """Displays the run in the cell that runs now, unless it is there already."""
        run, cell = self._run(), _cell()
        if run is None or (cell is not None and cell == self._cell):
            return
        with self._lock:
            self._cell = cell
            if run.ended:
                display(render.mimebundle(Pictures(run).take().page()), raw=True)
                return
            self._display_live(run)
        if run.ended:  # meanwhile
            self.refresh(now=True)

    def refresh(self, *, now: bool = False) -> None:
        """Shows the run as it is, unless that was done a moment ago."""
        run = self._run()
        with self._lock:
            if run is None or not self._live or not (now or self._is_due(run)):
                return
            began = time.perf_counter()
            self._put(run)
            self._due = time.perf_counter() + min(LONGEST, max(EVERY, WAIT_FACTOR * (time.perf_counter() - began)))
            if run.ended:
                self._keep()

    def settle(self) -> None:
        """Shows the run as it is, also where an output is kept only in the name of the cell that runs now (nbconvert, nbval)."""
        self.refresh(now=True)
        with self._lock:
            if self._handles and not self._live:
                self._keep()
                self._handles.clear()

    def _display_live(self, run: Run) -> None:
        if self._box is None:
            self._pictures, self._box = Pictures(run), Box(Buttons(run))
            run.on_change(lambda _: self.refresh())
        self._put(run)
        handle = DisplayHandle()
        handle.display({**self._box.widget._repr_mimebundle_(), **self._bundle()}, raw=True)
        self._handles.append(handle)
        self._live = True

    def _is_due(self, run: Run) -> bool:
        return run.ended or run.state != self._state or time.perf_counter() >= self._due

    def _put(self, run: Run) -> None:
        assert self._pictures is not None and self._box is not None
        self._picture = self._pictures.take()
        self._state = self._picture.state
        self._box.put(self._picture)

    def _bundle(self) -> dict[str, str]:
        """The same where there are no widgets."""
        assert self._picture is not None
        return render.mimebundle(self._picture.page())

    def _keep(self) -> None:
        """What remains in the notebook when it is saved; the box stays for a page that was opened anew meanwhile."""
        bundle = self._bundle()
        for handle in self._handles:
            handle.update(bundle, raw=True)
        self._live = False
        self._pictures = None  # it knows the run, which nothing here shall keep


def _cell() -> str | None:
    parent = at_home.launching_cell() or {}
    return parent.get("header", {}).get("msg_id")
