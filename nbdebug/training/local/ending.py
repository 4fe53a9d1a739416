"""Ending a rank and everything that it started."""

from __future__ import annotations

import contextlib
import os
import signal

import psutil


def end(pid: int, *, dead: bool = False) -> None:
    """SIGKILL to a rank and to all that it has started; to what it left behind when it is `dead` already.

    A rank leads a process group (`start.begin`), which outlives it as long as a worker lives. What left the group is found as its descendants.
    """
    below = [] if dead else descendants(pid)  # the number of a dead process may be another's by now
    if in_own_group(pid):
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    for process in below:
        with contextlib.suppress(psutil.Error):
            process.kill()


def descendants(pid: int) -> list[psutil.Process]:
    """The process and all below it."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return [*process.children(recursive=True), process]
    return []


def in_own_group(pid: int) -> bool:
    """Whether there is a process group of that number, and this process is not in it."""
    if not hasattr(os, "killpg") or os.getpgrp() == pid:
        return False
    try:
        os.killpg(pid, 0)
    except OSError:
        return False
    return True


def standing_still(pid: int) -> str:
    """Why a process does not answer, as far as the system knows: "stopped by a signal", "waits for a disk"."""
    words = {psutil.STATUS_STOPPED: "stopped by a signal", psutil.STATUS_DISK_SLEEP: "waits for a disk or a device", psutil.STATUS_ZOMBIE: "dead"}
    try:
        return words.get(psutil.Process(pid).status(), "")
    except psutil.Error:
        return "gone"
