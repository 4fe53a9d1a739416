"""What a thread of ours prints or displays belongs to the cell that launched the run, whatever runs meanwhile."""

from __future__ import annotations

import sys
from typing import Any


def launching_cell() -> Any:
    """The message of the cell that runs now; None outside of a notebook."""
    shell = _shell()
    return shell.get_parent() if hasattr(shell, "get_parent") else None


def stay(parent: Any) -> None:
    """In the thread whose output is meant: it goes under that cell from now on (ipykernel 7; older ones guess it themselves)."""
    shell = _shell()
    if parent is not None and hasattr(shell, "set_thread_parent"):
        shell.set_thread_parent(parent)


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
