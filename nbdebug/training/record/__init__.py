"""What is kept of a run, so that it can be found and compared when its kernel is long gone.

    launch → record.json   data, model, setup, cells, environment, git: written once, when the run begins
    rank 0 → tensorboard/  the curves, while it goes on; MLflow too, when asked for
    runs()                 all runs as a table, from their files
    compare_runs(a, b)     what changed from one to the other, and what of it is likely to matter
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbdebug.training.record.comparing import compare_runs
    from nbdebug.training.record.listing import runs
    from nbdebug.training.record.writing import write

__all__ = ["compare_runs", "runs", "write"]

_HOMES = {"compare_runs": "comparing", "runs": "listing", "write": "writing"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
