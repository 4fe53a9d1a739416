"""A run whose ranks torchrun starts and, when one dies, starts again; the kernel follows its files and can end it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any

from nbdebug.errors import LaunchError
from nbdebug.training import following
from nbdebug.training.beyond import exporting, texts
from nbdebug.training.failure import Failure
from nbdebug.training.local import ending
from nbdebug.training.local.plan import Plan
from nbdebug.training.monitor import DONE, ENDED, FAILED, INTERRUPTED
from nbdebug.training.run import Run
from nbdebug.training.search_path import search_path

OUTPUT = "torchrun.log"
SHOWN = 2000  # characters of its end, when torchrun fails without a rank that says why


def demand(nnodes: Any, rdzv: Any) -> None:
    """
    Raises:
        LaunchError: not so many nodes can meet.
    """
    if isinstance(nnodes, bool) or not isinstance(nnodes, int) or nnodes < 1:
        raise LaunchError(f"nnodes must be a whole number from 1, got {nnodes!r}")
    if nnodes > 1 and not rdzv:
        raise LaunchError(f'{nnodes} nodes need a place to meet: rdzv="host:{texts.PORT}", the name of the first one as the others know it')


def start(run: Run, plan: Plan, nnodes: int, rdzv: str | None) -> Run:
    """Starts torchrun for this node, out of the reach of what ends the kernel; on the other nodes it is to be started by hand."""
    folder, processes = run.folder, plan.world_size // nnodes
    folder.tell(engine="torchrun", nodes=nnodes)
    exporting.equip(folder, run.job, max(2, nnodes))
    arguments = texts.torchrun(processes, nnodes, rdzv, id=folder.id, restarts=plan.restarts)
    command = [sys.executable, "-m", "torch.distributed.run", *arguments, str(folder.path / "main.py")]
    environment = {**os.environ, "PYTHONPATH": search_path(), "OMP_NUM_THREADS": str(plan.threads)}
    with (folder.path / OUTPUT).open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    folder.tell(keeper=following.keeper(process.pid))
    agent = Agent(run, plan, process)
    if nnodes > 1:
        agent.history.note(f"on each of the other {nnodes - 1} nodes: cd {folder.path} && {texts.command(*arguments)}")
    return run.kept_by(agent)


class Agent(following.Follower):
    """Follows the ranks of a torchrun that this kernel has started."""

    def __init__(self, run: Run, plan: Plan, process: subprocess.Popen[bytes]) -> None:
        self._process, self._grace, self._killed, self._told = process, plan.grace, "", False
        super().__init__(run.folder, changed=run.changed)

    def stop(self, reason: str = "", grace: float | None = None) -> None:
        """The ranks end by themselves; after `grace` seconds they are ended."""
        super().stop(reason, grace)
        timer = threading.Timer(self._grace if grace is None else grace, lambda: self.ended.is_set() or self.kill(reason))
        timer.daemon = True
        timer.start()

    def kill(self, reason: str = "") -> None:
        """Ends what runs on this node; the agents of other nodes notice it, and end theirs."""
        self._killed = reason or "killed"
        ending.end(self._process.pid, dead=self._process.poll() is not None)

    def _lives(self, about: dict[str, Any]) -> bool:
        return True  # or this process says how it ended

    def _look(self) -> bool:
        code = self._process.poll()
        if code is not None and not self._told:
            self._told = True
            self._tell_end(code)
        return super()._look()

    def _tell_end(self, code: int) -> None:
        """What the first rank could not say any more."""
        about = self.folder.about()
        if about.get("state") in ENDED:
            return
        if self._killed:
            self.folder.tell(state=INTERRUPTED, reason=self._killed, forced=True, failure=None, ended=time.time())
        elif code == 0:
            self.folder.tell(state=DONE, ended=time.time())
        else:
            log = (self.folder.path / OUTPUT).read_text(errors="replace")[-SHOWN:]
            failure = about.get("failure") or Failure(None, self.step(), f"torchrun ended with exit code {code}; {OUTPUT} in the run's folder says more", log).plain()
            self.folder.tell(state=FAILED, failure=failure, ended=time.time())
