"""From the same kernel to the full run: processes that train, and a kernel that stays free, sees them, and ends them.

`launch`, `attach` and `Run` are imported when they are asked for: whoever only debugs does not wait for them. `warm_up` has the first launch find
everything imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbdebug.training.attaching import attach
    from nbdebug.training.launching import launch
    from nbdebug.training.local.server import warm_up
    from nbdebug.training.record import compare_runs, runs
    from nbdebug.training.run import Run

__all__ = ["Run", "attach", "compare_runs", "launch", "runs", "warm_up"]

_HOMES = {"launch": "launching", "attach": "attaching", "Run": "run", "warm_up": "local.server", "runs": "record", "compare_runs": "record"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
