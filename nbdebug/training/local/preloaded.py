"""Imported last by the server that ranks are forked from: says that it is ready, and what it holds."""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

REPORT = "ready.json"
ASKED = "NBDEBUG_SERVER"  # where to say it, and what PYTHONPATH was
AHEAD = Path(__file__).parent / "ahead"  # where the first module lies, which must not wait for the package around it
VERSIONED = ("torch", "numpy", "cloudpickle", "nbdebug")


def versions() -> dict[str, str]:
    """Of what kernel and ranks must have the same of, since objects are pickled in one and unpickled in the other."""
    import cloudpickle  # noqa: F401
    import numpy  # noqa: F401

    held = {name: str(getattr(sys.modules.get(name), "__version__", "")) for name in VERSIONED}
    return {"python": platform.python_version(), **held}


def asked(folder: Path) -> dict[str, str]:
    """The environment for a server that is to report in this folder.

    A forkserver does not take over sys.path before it preloads (https://github.com/python/cpython/issues/117378), so it gets it as PYTHONPATH.
    """
    paths = [path or os.getcwd() for path in map(str, [AHEAD, *sys.path]) if os.pathsep not in path]
    return {"PYTHONPATH": os.pathsep.join(paths), ASKED: json.dumps({"folder": str(folder), "PYTHONPATH": os.environ.get("PYTHONPATH")})}


def report() -> dict[str, Any]:
    """What this process is; `threads` should be 1, a fork takes only the one that forks."""
    import torch

    tasks = Path("/proc/self/task")
    return {
        "pid": os.getpid(), "versions": versions(), "modules": sorted(name for name in sys.modules if "." not in name or name.startswith(("torch.", "nbdebug."))),
        "cuda": torch.cuda.is_initialized(), "threads": len(list(tasks.iterdir())) if tasks.is_dir() else 1,
    }  # fmt: skip


def _tell(request: str) -> None:
    """Hands PYTHONPATH back, so that the ranks and what they start see the user's own, and reports.

    What is there by now belongs to all ranks: none of them looks for garbage in it, which would cost time, and memory of its own.
    """
    gc.freeze()
    gc.enable()
    sys.path[:] = [path for path in sys.path if path != str(AHEAD)]
    wanted = json.loads(request)
    os.environ.pop("PYTHONPATH", None)
    if wanted["PYTHONPATH"] is not None:
        os.environ["PYTHONPATH"] = wanted["PYTHONPATH"]
    beside = Path(wanted["folder"]) / (REPORT + ".part")
    beside.write_text(json.dumps(report()))
    os.replace(beside, beside.with_name(REPORT))


if ASKED in os.environ:  # in the server alone: nobody else is asked
    _tell(os.environ.pop(ASKED))
