"""Clicks that are answered while a cell runs.

A front end that can (JupyterLab from 4.4) sends what its widgets say to a second thread of the kernel. ipykernel from 7.4 hands it to the thread that last
wrote to that widget instead, so that a cell which waits for a widget hears it; for a button nobody waits, and that thread is the one that runs the cell.
"""

from __future__ import annotations

from typing import Any

import ipywidgets


def also_while_cells_run(widget: ipywidgets.Widget) -> None:
    """What this widget says goes where the front end sends it. Where there is no second thread it waits for the end of the cell, as everywhere."""
    comm: Any = widget.comm
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _as_sent


def _as_sent(data: Any, thread: str | None) -> str | None:
    return thread
