"""What the kernel wishes, as far as it has reached this rank.

Wishes are counted rather than kept as flags: the kernel tells every rank the same ones in the same order, and whether a rank has heard one
more often than it was done is a comparison of two numbers (`agreement`).
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from nbdebug.training.commands import NAME, Tail
from nbdebug.training.folder import RunFolder

LOOK = 0.1  # seconds between two looks into the file of wishes; our choice: a Stop is felt at once


@dataclass(frozen=True)
class Heard:
    """Everything that a rank was told until now."""

    stops: int = 0
    reason: str = ""  # of the first stop
    checkpoints: int = 0
    pauses: int = 0  # pause and resume together
    paused: bool = False
    snapshots: tuple[tuple[int, str], ...] = ()  # (rank, token) in the order they came


class Inbox:
    """Takes the kernel's messages, from whatever thread reads them.

    Args:
        stacks: called, in the thread that reads, when the kernel asks where the rank is.
    """

    def __init__(self, stacks: Callable[[], None] | None = None) -> None:
        self._stacks = stacks
        self._heard = Heard()
        self._lock = threading.Lock()

    @property
    def heard(self) -> Heard:
        return self._heard

    def take(self, message: Mapping[str, Any]) -> None:
        """One message of `events.TO_RANK`; what is unknown is left alone, it may be a newer kernel's."""
        if message.get("k") == "stacks" and self._stacks is not None:
            self._stacks()
        with self._lock:
            self._heard = _after(self._heard, message)


def _after(heard: Heard, message: Mapping[str, Any]) -> Heard:
    kind, told = message.get("k"), dict(vars(heard))
    if kind == "stop":
        told.update(stops=heard.stops + 1, reason=heard.reason or str(message.get("reason") or "asked to stop"))
    elif kind == "checkpoint_now":
        told.update(checkpoints=heard.checkpoints + 1)
    elif kind in ("pause", "resume") and heard.paused != (kind == "pause"):
        told.update(pauses=heard.pauses + 1, paused=kind == "pause")
    elif kind == "snapshot":
        told.update(snapshots=(*heard.snapshots, (int(message.get("rank", 0)), str(message.get("token", "")))))
    return Heard(**told)


def listen(inbox: Inbox, pipe: Connection) -> None:
    """Takes what comes through the pipe, in a thread, until the kernel closes it."""

    def run() -> None:
        with contextlib.suppress(EOFError, OSError):  # whether this process goes with the kernel is the guard's business
            while True:
                with contextlib.suppress(ValueError):
                    inbox.take(json.loads(pipe.recv_bytes()))

    threading.Thread(target=run, name="nbdebug-inbox", daemon=True).start()


def look(inbox: Inbox, folder: RunFolder, from_start: bool, since: float = 0.0) -> None:
    """Takes what is written into the folder's file of wishes, in a thread; for a rank that has no pipe.

    Args:
        from_start: also the wishes that are there already; not after a restart, they were meant for the attempt before.
        since: seconds since 1970; older wishes were meant for an earlier start of the same run.
    """
    tail = Tail(folder.path / NAME, from_start=from_start)

    def run() -> None:
        while True:
            with contextlib.suppress(OSError):
                for message in tail.read():
                    if float(message.get("t", since)) >= since:
                        inbox.take(message)
            time.sleep(LOOK)

    threading.Thread(target=run, name="nbdebug-inbox", daemon=True).start()
