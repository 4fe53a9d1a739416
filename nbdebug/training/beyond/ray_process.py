"""Ray below this process: started for one attempt of a run, and ended with all that it has started."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import psutil

from nbdebug.training.beyond import ray_driver
from nbdebug.training.beyond.ray_driver import LOCAL, OUTPUT
from nbdebug.training.folder import RunFolder
from nbdebug.training.local.plan import Plan, environment

STARTS = 5  # of a cluster of our own: its agents must be up after 15 s, which Ray has no setting for; where all cores are taken they are not
PARTING = 10.0  # seconds that Ray has to take leave of a cluster that goes on
KILLED = 10.0  # seconds after which a process that was killed, and waits for a disk, is left to the system
PAUSE = 0.1  # seconds between two looks at those that were killed
SHOWN = 4000  # characters of what Ray printed last
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h

OF_OUR_OWN = {  # what a cluster of this run alone is told
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on any system: all of it listens on the loopback
    "RAY_AUTH_MODE": "token",
    "AUTOSCALER_METRIC_PORT": "0",  # any; a fixed one is taken by the next run
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # ranks see the GPUs that the kernel sees
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # nobody takes this machine away
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_server_port_wait_time_s": "300",  # a machine that has much to do is slow, but nothing of it is lost
    "RAY_gcs_server_request_timeout_seconds": "300",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",
}
OF_EVERY = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # between Ray's looks at its workers; its own choice is 2
    "RAY_TRAIN_METRICS_ENABLED": "0",
}


class Ray:
    """The driver, and what is below it.

    Args:
        meeting: folder where the ranks meet; empty: they find a place by themselves.
    """

    def __init__(self, folder: RunFolder, plan: Plan, address: str, meeting: str) -> None:
        self.folder, self.plan, self.address, self.meeting = folder, plan, address, meeting
        self._driver: subprocess.Popen[bytes] | None = None
        self._temporary = ""
        self._attempt, self._starts = 0, 0

    def start(self, attempt: int) -> None:
        """Starts Ray, which starts the ranks."""
        self._attempt, self._starts = attempt, 0
        self._start()

    def ended(self) -> bool:
        """Whether it has, by itself; a cluster of our own that did not come up is begun anew."""
        if self._driver is None or self._driver.poll() is None:
            return False
        if self._driver.returncode == ray_driver.NOT_STARTED and self._starts < STARTS and self.address == LOCAL:
            self.end()
            self._start()
            return False
        return True

    def how(self) -> tuple[str, str]:
        """How it ended, and what it printed last."""
        assert self._driver is not None
        code = self._driver.returncode
        log = (self.folder.path / OUTPUT).read_text(errors="replace").strip()[-SHOWN:]
        said = f": {log.splitlines()[-1]}" if code > 0 and log else ""
        what = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"Ray {what}{said}; {OUTPUT} in the run's folder says more", log

    def part(self) -> None:
        """From a cluster that goes on, when no rank runs any more."""
        if self._driver is not None and self.address != LOCAL:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._driver.wait(PARTING)

    def end(self) -> None:
        """Kills everything below this process, also what has lost its parent."""
        until = time.monotonic() + KILLED
        while (living := _below()) and time.monotonic() < until:
            for process in living:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(living, PAUSE)
        if self._driver is not None:
            self._driver.poll()
            self._driver.stdin.close()  # type: ignore[union-attr]
            self._driver = None
        if self.address == LOCAL and self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _start(self) -> None:
        self._starts += 1
        own, plan = self.address == LOCAL, self.plan
        # the sockets of a cluster have a path of at most 107 bytes, and the run's folder may be deep
        self._temporary = tempfile.mkdtemp(prefix="nbdebug-ray-") if own else str(self.folder.path / "ray")
        told = {
            "folder": str(self.folder.path), "run": self.folder.id, "address": self.address, "attempt": self._attempt, "temporary": self._temporary,
            "world_size": plan.world_size, "devices": plan.devices, "gpus": plan.devices[0].startswith("cuda"), "threads": plan.threads,
            "backend": plan.backend, "digest": plan.digest, "called_at": plan.called_at, "cwd": os.getcwd(), "meeting": self.meeting,
        }  # fmt: skip
        around = {**environment(plan.threads), **OF_OUR_OWN, "RAY_AUTH_TOKEN": secrets.token_hex(32)} if own else dict(os.environ)
        with (self.folder.path / OUTPUT).open("ab") as output:
            self._driver = subprocess.Popen(
                [sys.executable, ray_driver.__file__, json.dumps(told)], env={**around, **OF_EVERY}, stdin=subprocess.PIPE, stdout=output, stderr=output
            )


def _below() -> list[psutil.Process]:
    """The living processes below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def adopt() -> None:
    """What loses its parent becomes this process's own child, instead of running on under the system's first; Linux only."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
