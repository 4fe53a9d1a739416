"""A run that outlives the kernel: a process of its own looks after the ranks, and is told and asked through the run's files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from nbdebug.training import following
from nbdebug.training.folder import RunFolder
from nbdebug.training.search_path import search_path

OUTPUT = "keeper.log"


def start(folder: RunFolder) -> None:
    """Starts that process, out of the reach of what ends the kernel."""
    command = [sys.executable, "-m", "nbdebug.training.local.detached", str(folder.path)]
    with (folder.path / OUTPUT).open("ab") as output:
        process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": search_path()}, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    folder.tell(keeper=following.keeper(process.pid))


def main(path: str) -> int:
    """Looks after the run until its end."""
    from nbdebug.training.local.engine import Engine
    from nbdebug.training.local.plan import Plan

    folder = RunFolder(Path(path))
    engine = Engine(folder, Plan.of(folder.about()["plan"]))
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: engine.stop("the process that looks after the run was asked to end"))
    engine.start()
    while not engine.ended.wait(0.5):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
