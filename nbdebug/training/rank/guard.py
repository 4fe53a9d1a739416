"""No rank outlives the one it works for, whatever that one dies of and whatever the rank is doing.

| what ends the rank | when it is needed |
|---|---|
| a thread that waits for the kernel's death, kills the rank's children first, then the rank | always; not when C code holds the GIL |
| the system, PR_SET_PDEATHSIG with SIGKILL | the parent died and the thread cannot run; Linux only |
| the server of a forked rank ends with the kernel, because no rank keeps its end of the server's pipe open | so that the line above comes true for forked ranks |

Workers of a rank ask for the same signal: they would notice only after some seconds that their rank is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h
POLL = 0.5  # seconds between two looks where the system cannot tell a death by itself
INIT = 1  # the pid that orphans get as their parent, unless a subreaper takes them


def arm(kernel_pid: int) -> None:
    """From now on this process ends with the process `kernel_pid`; with 0 it stands on its own and outlives whoever started it.

    To be called in the main thread, before anything is forked or spawned.
    """
    _let_the_server_end()
    if not kernel_pid:
        _leave_the_session()
        return
    die_with_parent()
    if os.getppid() == INIT != kernel_pid:  # it died before the signal was asked for
        end_with_children()
    _workers_die_with_rank()
    watch(kernel_pid, end_with_children)


def watch(pid: int, then: Callable[[], None]) -> threading.Thread:
    """Calls `then`, from a thread, once the process is gone."""
    thread = threading.Thread(target=_wait, args=(pid, then), name="nbdebug-guard", daemon=True)
    thread.start()
    return thread


def end_with_children() -> None:
    """SIGKILL to all that this process has started and to itself: nothing of the user's runs any more."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # at one stroke: the system's own signal to this process may come a moment later
    kill_children()
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def kill_children() -> None:
    """SIGKILL to every process below this one."""
    import psutil

    with contextlib.suppress(psutil.Error):
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()


def die_with_parent() -> None:
    """Asks the system for SIGKILL when the thread that started this process ends; Linux only."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# -- how a death is noticed -----------------------------------------------------------------------------------------


def _wait(pid: int, then: Callable[[], None]) -> None:
    ends = [end for end in (_descriptor(pid), _sentinel(pid)) if end is not None]
    while _runs(pid):
        if connection.wait(ends, POLL if len(ends) < 2 else None) if ends else _slept():
            break
    then()


def _descriptor(pid: int) -> int | None:
    """Becomes readable when the process ends, and cannot be mistaken for a later one of the same number; Linux 5.3."""
    opener: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
    with contextlib.suppress(OSError):
        return opener(pid) if opener is not None else None
    return None


def _sentinel(pid: int) -> Any:
    """What multiprocessing gives its children to wait for, when this is the process that started this one."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    return parent.sentinel if parent is not None and parent.pid == pid else None


def _runs(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # it may not be looked at, so it is there
        return True


def _slept() -> bool:
    time.sleep(POLL)
    return False


# -- what else would keep it alive, or end it -----------------------------------------------------------------------


def _let_the_server_end() -> None:
    """A forked rank inherits the end of the pipe by whose closing its server learns that the kernel is gone."""
    if "multiprocessing.forkserver" not in sys.modules:
        return
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver
    if server._forkserver_pid is None and server._forkserver_alive_fd is not None:
        with contextlib.suppress(OSError):
            os.close(server._forkserver_alive_fd)
        server._forkserver_alive_fd = server._forkserver_address = None


def _leave_the_session() -> None:
    """A kernel that is restarted takes everything in its session with it."""
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):  # it leads a process group of its own already
            os.setsid()


def _workers_die_with_rank() -> None:
    """What the main thread forks from now on asks for the signal too; what another thread forks may outlive that thread."""
    if not hasattr(os, "register_at_fork") or sys.platform != "linux":
        return
    by_main: list[bool] = [False]
    rank = os.getpid()

    def before() -> None:
        by_main[0] = threading.current_thread() is threading.main_thread()

    def in_child() -> None:
        if by_main[0] and os.getppid() == rank:  # a worker of a worker is that one's business
            die_with_parent()

    os.register_at_fork(before=before, after_in_child=in_child)
