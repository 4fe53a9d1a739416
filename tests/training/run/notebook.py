"""A real kernel, as a notebook has it."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import time
from pathlib import Path

import psutil
from jupyter_client.manager import KernelManager

from nbdebug.training.folder import RunFolder

ROOT = Path(__file__).parents[3]
IMPORTS = """
import nbdebug.training
from nbdebug.training.rank import guard
guard.die_with_parent()  # the tests, which may be killed
import os, sys, time, torch, nbdebug
from torch import nn
from torch.utils.data import DataLoader, Dataset
torch.set_num_threads(1)
nbdebug.training.warm_up()
"""


class Notebook:
    """Runs cells; `runs` is where the kernel keeps its runs."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        runs.parent.mkdir(parents=True, exist_ok=True)
        self.manager = KernelManager(kernel_name="python3")
        environment = {**os.environ, "NBDEBUG_RUNS": str(runs), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.manager.start_kernel(cwd=str(runs.parent), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=240)
        self.said: list[dict] = []  # every message on iopub
        self.cell(IMPORTS)

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.pid)

    def begin(self, code: str) -> str:
        """Runs a cell without waiting for it; the id of its message."""
        return str(self.client.execute(code, stop_on_error=False))

    def end(self, message: str, seconds: float = 240.0) -> dict:
        """The reply to a cell."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            reply = self.client.get_shell_msg(timeout=left)
            if reply["parent_header"].get("msg_id") == message:
                return dict(reply["content"])
        raise TimeoutError(message)

    def cell(self, code: str, seconds: float = 240.0) -> str:
        """What a cell printed.

        Raises:
            AssertionError: it raised.
        """
        message = self.begin(code)
        reply = self.end(message, seconds)
        assert reply["status"] == "ok", reply
        return self.printed(message)

    def printed(self, message: str, seconds: float = 240.0) -> str:
        """What a cell has printed, as soon as it is idle."""
        until = time.monotonic() + seconds
        while not any(m["msg_type"] == "status" and m["content"]["execution_state"] == "idle" for m in self.of(message)):
            assert time.monotonic() < until, "the cell does not end"
            with contextlib.suppress(queue.Empty):
                self.said.append(self.client.get_iopub_msg(timeout=1.0))
        return "".join(m["content"]["text"] for m in self.of(message) if m["msg_type"] == "stream")

    def of(self, message: str) -> list[dict]:
        """What belongs to a cell."""
        return [m for m in self.said if m["parent_header"].get("msg_id") == message]

    def folder(self) -> RunFolder:
        """The newest run's."""
        return RunFolder(max(self.runs.glob("*/run.json"), key=lambda path: path.stat().st_mtime_ns).parent)

    def hello(self, count: int, beyond: set[str]) -> list[int]:
        """The pids of the ranks of a run that is none of those, as soon as all have said hello."""
        until = time.monotonic() + 240
        while time.monotonic() < until:
            for path in self.runs.glob("*/run.json"):
                if path.parent.name not in beyond:
                    said = [event for rank in range(count) for event in RunFolder(path.parent).said(rank)]
                    pids = [event["pid"] for event in said if event["k"] == "hello"]
                    if len(pids) == count:
                        return pids
            time.sleep(0.01)
        raise TimeoutError("no ranks")

    def known(self) -> set[str]:
        return {path.name for path in self.runs.glob("*")}

    def interrupt(self, only_the_kernel: bool) -> None:
        """As JupyterLab does it, to the whole process group, or as others do."""
        if only_the_kernel:
            os.kill(self.pid, signal.SIGINT)
        else:
            os.killpg(os.getpgid(self.pid), signal.SIGINT)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def tree(pids: list[int]) -> list[psutil.Process]:
    """The processes and their workers."""
    found = [psutil.Process(pid) for pid in pids]
    return [*found, *(child for process in found for child in process.children(recursive=True))]


def seconds_until_gone(processes: list[psutil.Process], most: float) -> float:
    """How long they still live; infinite when longer than `most`."""
    began = time.monotonic()
    while time.monotonic() - began < most:
        if not any(_lives(process) for process in processes):
            return time.monotonic() - began
        time.sleep(0.01)
    return float("inf")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
