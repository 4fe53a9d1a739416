"""Starting a rank's process, such that no code of the user's runs again and no Ctrl-C hits it on the way."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from nbdebug.training.local.line import Line
from nbdebug.training.rank.spec import RankSpec

FORKSERVER, SPAWN = "forkserver", "spawn"
Entry = Callable[[RankSpec, Connection], None]

_lock = threading.Lock()  # __main__ is one, and two runs may start at once


@dataclass(frozen=True)
class Started:
    """A rank's process and the line to it."""

    process: BaseProcess
    line: Line


def start_methods() -> tuple[str, ...]:
    """What there is on this system, the better one first."""
    import multiprocessing

    return tuple(name for name in (FORKSERVER, SPAWN) if name in multiprocessing.get_all_start_methods())


def start_rank(entry: Entry, spec: RankSpec, server: Any = None) -> Started:
    """A new process that runs `entry(spec, pipe)`: forked from `server`, or spawned where that is None.

    To be called in a thread that outlives the process: it may ask to die with the thread that spawned it.
    """
    import torch.multiprocessing

    ours, its = torch.multiprocessing.get_context(SPAWN).Pipe(duplex=True)
    options: dict[str, Any] = {"target": begin, "args": (entry, spec, its), "name": f"rank {spec.rank}"}
    try:
        with without_main(), sigint_blocked():
            if server is None:
                process: BaseProcess = torch.multiprocessing.get_context(SPAWN).Process(**options)
            else:
                from nbdebug.training.local.forked import RankProcess

                process = RankProcess(server, **options)
            process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        its.close()
    return Started(process, Line(ours))


def begin(entry: Entry, spec: RankSpec, pipe: Connection) -> None:
    """First in the rank's process: a process group of its own, so that its workers can be found and ended even when it is dead itself."""
    if hasattr(os, "setpgid"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if threads := spec.environment.get("OMP_NUM_THREADS", ""):
        import torch

        torch.set_num_threads(int(threads))  # the variable was read when the server imported torch
    entry(spec, pipe)


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Hides what `__main__` was run from: multiprocessing would run that file again in every process that it starts."""
    with _lock:
        main = sys.modules["__main__"]
        hidden = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
        main.__spec__ = None
        try:
            yield
        finally:
            del main.__spec__
            vars(main).update(hidden)


@contextlib.contextmanager
def sigint_blocked() -> Iterator[None]:
    """What is started meanwhile begins with SIGINT blocked, until it has said what it wants of it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
