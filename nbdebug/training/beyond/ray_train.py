"""A run through Ray Train, for those who have Ray: in processes of its own, followed by its files as every run is.

    kernel → ray_keeper → ray_driver → Ray → a worker for each rank → ray_rank
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from nbdebug.errors import LaunchError
from nbdebug.training import following
from nbdebug.training.beyond.ray_driver import LOCAL
from nbdebug.training.failure import Failure
from nbdebug.training.local.plan import Plan
from nbdebug.training.monitor import ENDED, FAILED
from nbdebug.training.run import Run
from nbdebug.training.search_path import search_path

OLDEST = (2, 60)  # of Ray; with older ones it was not tried
NEEDED = ("ray", "pyarrow", "fsspec", "tensorboardX")  # what the extra brings, and Ray Train imports
INSTALL = "pip install 'nbdebug[ray]'"
OUTPUT = "keeper.log"
LEAVES = 5.0  # seconds that the process which looks after the run may take to end after its last word; measured: below 0.1


def demand(address: Any) -> None:
    """
    Raises:
        LaunchError: Ray Train is not there, or not new enough.
    """
    if address is not None and (not isinstance(address, str) or not address):
        raise LaunchError(f'address is "{LOCAL}", "auto" or the "host:port" of a cluster of Ray\'s, got {address!r}')
    wanted = f"engine='ray' needs Ray Train {'.'.join(map(str, OLDEST))} or newer"
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise LaunchError(f"{wanted}, and {sys.executable} has no package {', '.join(missing)}: {INSTALL}")
    try:
        found = version("ray")
    except PackageNotFoundError:  # a folder of that name
        raise LaunchError(f"{wanted}, and what {sys.executable} finds as ray is not that package: {INSTALL}") from None
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        raise LaunchError(f"{wanted}, and {sys.executable} has {found}: {INSTALL}")


def start(run: Run, plan: Plan, address: str | None, detach: bool) -> Run:
    """Starts the process that looks after Ray, out of the reach of what interrupts the kernel."""
    folder = run.folder
    folder.tell(engine="ray", address=address or LOCAL)
    command = [sys.executable, "-m", "nbdebug.training.beyond.ray_keeper", str(folder.path), address or LOCAL, str(0 if detach else os.getpid())]
    with (folder.path / OUTPUT).open("ab") as output:
        process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": search_path()}, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    return run.kept_by(Kept(run, process))


class Kept(following.Follower):
    """Follows a run that a process of this kernel looks after."""

    def __init__(self, run: Run, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        super().__init__(run.folder, changed=run.changed)

    def _lives(self, about: dict[str, Any]) -> bool:
        return True  # or this process says how it ended

    def _look(self) -> bool:
        code = self._process.poll()
        if code is not None and self.folder.about().get("state") not in ENDED:
            self._tell_end(code)
        return super()._look()

    def _take(self, about: dict[str, Any], gone: bool) -> None:
        super()._take(about, gone)
        if self.state in ENDED:  # said; now it goes
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(LEAVES)

    def _tell_end(self, code: int) -> None:
        """What it could not say any more."""
        log = (self.folder.path / OUTPUT).read_text(errors="replace")[-2000:]
        sentence = f"the process that looked after this run ended with exit code {code}, and its ranks with it; {OUTPUT} in the run's folder says more"
        self.folder.tell(state=FAILED, failure=Failure(None, self.step(), sentence, log).plain(), ended=time.time())
