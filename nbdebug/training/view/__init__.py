"""A run to look at: a live box in a notebook, a line in a terminal, a page of text or HTML wherever nothing moves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbdebug.training.run import Run


def show(run: Run) -> None:
    """Displays the run in the cell that runs now: live while it goes on, and what it came to afterwards. Once a cell.

    Raises:
        NotImplementedError: there is no notebook; IPython then asks for the page.
    """
    if not _in_kernel():
        raise NotImplementedError
    from nbdebug.training.view import showing

    showing.of(run).display()


def mimebundle(run: Run) -> dict[str, str]:
    """The run as it stands, as `text/plain` and `text/html`."""
    from nbdebug import render
    from nbdebug.training.view.picture import Pictures

    return render.mimebundle(Pictures(run).take().page())


@contextlib.contextmanager
def while_waiting(run: Run) -> Iterator[None]:
    """Shows the run as long as somebody waits for it, unless it is in sight already."""
    if not _in_kernel():
        with _in_a_line(run):
            yield
        return
    from nbdebug.training.view import showing

    shown = showing.of(run)
    if not (shown.in_sight or run.ended):
        shown.display()
    try:
        yield
    finally:
        shown.settle()  # before the cell ends, so that the last state is saved with it


@contextlib.contextmanager
def _in_a_line(run: Run) -> Iterator[None]:
    from nbdebug.render.live import Live
    from nbdebug.training.view.picture import Pictures

    with Live() as live:
        if not live.is_seen:
            yield
            return
        pictures = Pictures(run)
        take_back = run.on_change(lambda _: live.show(lambda: pictures.take().glance()))
        try:
            yield
        finally:
            take_back()


def _in_kernel() -> bool:
    from nbdebug.render.live import in_kernel

    return in_kernel()


__all__ = ["mimebundle", "show", "while_waiting"]
