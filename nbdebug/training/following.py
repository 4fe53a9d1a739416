"""A run that somebody else looks after, or nobody any more: what is known of it is read from its files."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from nbdebug.errors import LaunchError
from nbdebug.training import events
from nbdebug.training.commands import Tail, wish
from nbdebug.training.failure import Failure
from nbdebug.training.folder import RunFolder
from nbdebug.training.history import History, Rank, RankNow, clock
from nbdebug.training.monitor import ENDED, FAILED, PAUSED, PREPARING, RUNNING, SILENT

OFTEN = 0.1  # seconds between two looks


def keeper(pid: int | None = None) -> dict[str, Any]:
    """A process (this one) as the one that looks after a run; its number alone could be another's one day."""
    import psutil

    process = psutil.Process(pid or os.getpid())
    return {"pid": process.pid, "created": process.create_time(), "host": socket.gethostname()}


def lives(told: Any) -> bool:
    """Whether the process that looks after a run still does; of another machine it is believed."""
    import psutil

    if not isinstance(told, dict) or told.get("host") != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(told["pid"]))
        return abs(process.create_time() - float(told["created"])) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


class Follower:
    """Reads what the ranks write, and writes what is wished.

    Args:
        changed: called in a thread when there is something new, ten times a second at most.
    """

    def __init__(self, folder: RunFolder, *, changed: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.ended = threading.Event()
        self.history, self.failure, self.state = History(), None, PREPARING
        self.attempt, self.forced, self.reason = 0, False, ""
        self.failure: Failure | None
        self._changed = changed
        self._about = folder.about()
        self._size = max(1, len(self._about.get("plan", {}).get("devices", ())) or len(list(folder.path.glob("events-rank*.jsonl"))))
        self.ranks = [Rank(rank) for rank in range(self._size)]
        self._tails = [Tail(folder.events(rank)) for rank in range(self._size)]
        self._look()
        if not self.ended.is_set():
            threading.Thread(target=self._run, name=f"nbdebug following {folder.id}", daemon=True).start()

    @property
    def monitor(self) -> Follower:
        """What is known of the run."""
        return self

    def ranks_now(self) -> list[RankNow]:
        return [rank.now(clock(), SILENT) for rank in self.ranks]

    def step(self) -> int:
        return max(rank.step for rank in self.ranks)

    def tell(self, kind: str, **fields: Any) -> None:
        self._wish(events.command(kind, **fields))

    def stop(self, reason: str = "", grace: float | None = None) -> None:
        self._wish({**events.command("stop", reason=reason), "grace": grace})

    def kill(self, reason: str = "") -> None:
        self._wish({"v": events.VERSION, "k": "kill", "reason": reason})

    def join(self, timeout: float | None = None) -> None:
        self.ended.wait(timeout)

    # -- reading ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self.ended.wait(OFTEN):
            if self._look():
                self._changed()

    def _look(self) -> bool:
        """Reads what is new; whether there was anything."""
        about = self.folder.about() or self._about
        gone = about.get("state") not in ENDED and not self._lives(about)
        ended = gone or about.get("state") in ENDED  # before the events are read: what they say was written before
        news = self._hear()
        news |= about != self._about or ended
        self._about = about
        self._take(about, gone)
        if ended:
            while self._hear():
                pass
            self.ended.set()
        return news

    def _lives(self, about: dict[str, Any]) -> bool:
        return lives(about.get("keeper"))

    def _hear(self) -> bool:
        messages = [message for tail in self._tails for message in tail.read()]
        for message in sorted(messages, key=lambda message: float(message.get("t", 0.0))):
            self.history.hear(message)
            if int(message.get("a", 0)) > self.attempt:
                self.attempt, self.ranks = int(message["a"]), [Rank(rank) for rank in range(self._size)]
            self.ranks[int(message.get("r", 0)) % self._size].hear(message, clock())
        return bool(messages)

    def _take(self, about: dict[str, Any], gone: bool) -> None:
        self.state = FAILED if gone else str(about.get("state", PREPARING))
        self.forced, self.reason = bool(about.get("forced")), str(about.get("reason", ""))
        for note in about.get("notes") or ():
            self.history.note(str(note))
        told = about.get("failure")
        if isinstance(told, dict):
            self.failure = Failure(**told)
        elif gone:
            self.failure = Failure(None, self.step(), f"the process that looked after this run (pid {about.get('keeper', {}).get('pid')}) is gone, and its ranks with it")
        for rank in self.ranks:
            rank.alive = self.state not in ENDED and not rank.done
        if self.state in (RUNNING, PAUSED):
            self.state = PAUSED if all(rank.phase == "paused" for rank in self.ranks) else RUNNING

    def _wish(self, message: dict[str, Any]) -> None:
        if self.ended.is_set():
            raise LaunchError(f"the run {self.folder.id} has ended ({self.state})")
        try:
            wish(self.folder, message)
        except OSError as error:
            raise LaunchError(f"the run {self.folder.id} cannot be told anything: its folder cannot be written ({error.strerror})") from error
