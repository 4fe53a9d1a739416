"""A run whose ranks Ray starts: this process starts Ray for it, looks after both, and leaves nothing of them.

    ray_keeper FOLDER ADDRESS KERNEL      KERNEL: the process whose end ends the run; 0: nobody's

The kernel imports no Ray, and Ray's processes are all below this one: they go with it, whoever of them or above them is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from nbdebug.errors import first_line
from nbdebug.training import following
from nbdebug.training.beyond import ray_process
from nbdebug.training.beyond.ray_driver import EXITS, LOCAL
from nbdebug.training.commands import NAME, Tail, wish
from nbdebug.training.events import FROM_RANK, command
from nbdebug.training.folder import RunFolder
from nbdebug.training.local.memory import oom_kills
from nbdebug.training.local.plan import Plan
from nbdebug.training.local.store import Store
from nbdebug.training.monitor import ENDED, Begin, End, Monitor
from nbdebug.training.rank import guard

LOOK = 0.1  # seconds between two looks
LEAVING = 1.0  # seconds that ranks get when the kernel is gone; as when it shuts down
LAST_WORDS = 2.0  # seconds in which Ray may still tell how a rank ended, when it has ended itself


class Keeper:
    """From the first start of Ray to the last of its processes gone."""

    def __init__(self, folder: RunFolder, address: str) -> None:
        self.folder, self.address = folder, address
        self.plan = Plan.of(folder.about()["plan"])
        self.monitor = Monitor(self.plan.world_size, grace=self.plan.grace, restarts=self.plan.restarts)
        self.kernel_gone = False
        self._events = [Tail(folder.events(rank)) for rank in range(self.plan.world_size)]
        self._exits, self._wishes = Tail(folder.path / EXITS), Tail(folder.path / NAME)
        self._oom_kills = oom_kills()
        self._told: tuple[str, list[str]] = ("", [])  # in run.json
        self._store = Store() if address == LOCAL else None  # where ranks meet; on several nodes the first one has it
        self._ray = ray_process.Ray(folder, self.plan, address, str(self._store.path) if self._store is not None else "")
        self._ray_ended = 0.0  # when that was seen

    def run(self) -> None:
        try:
            self.monitor.begin()
            while self._goes_on():
                time.sleep(LOOK)
        except Exception as error:  # a mistake of ours must not leave Ray behind
            self.monitor.not_started(f"nbdebug could not look after the run: {type(error).__name__}: {first_line(error)}", traceback.format_exc())
            self._ray.end()
            self.monitor.abandoned()
        finally:
            self._ray.end()
            self._tell_folder()
            if self._store is not None:
                self._store.close()

    def _goes_on(self) -> bool:
        self._hear()
        for action in self.monitor.actions():
            if isinstance(action, Begin):
                self._begin(action.attempt)
            elif isinstance(action, End):
                self._end_ranks()
        if self.monitor.state in ENDED:
            return False
        self._tell_folder()
        return True

    # -- listening --------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        """What ranks, Ray and users say. A rank's end is taken after its last words."""
        exits = self._exits.read()
        ended = self._ray.ended()
        for message in sorted((message for tail in self._events for message in tail.read()), key=lambda message: float(message.get("t", 0.0))):
            if message.get("k") in FROM_RANK:
                self.monitor.heard(message)
        for line in exits:
            if line["a"] == self.monitor.attempt and self.monitor.ranks[line["r"]].alive:
                self.monitor.died(line["r"], line["code"], oom_kills=self._new_oom_kills())
        if ended and any(rank.alive for rank in self.monitor.ranks):
            self._ray_ended = self._ray_ended or time.monotonic()
            if time.monotonic() - self._ray_ended > LAST_WORDS:
                self.monitor.not_started(*self._ray.how())
                self._end_ranks()
        self._take_wishes()

    def _take_wishes(self) -> None:
        if self.kernel_gone:
            self.kernel_gone = False
            self._stop("the kernel is gone", LEAVING)
        for message in self._wishes.read():
            if message.get("k") == "stop":  # the ranks read the same file
                self.monitor.stop(str(message.get("reason", "")), message.get("grace"))
            elif message.get("k") == "kill":
                self.monitor.kill(str(message.get("reason", "")))

    def _stop(self, reason: str, grace: float) -> None:
        try:
            wish(self.folder, {**command("stop", reason=reason), "grace": grace})
        except OSError:  # nobody will read it
            self.monitor.kill(reason)

    def _new_oom_kills(self) -> int | None:
        now = oom_kills()
        return None if now is None or self._oom_kills is None or self.address != LOCAL else now - self._oom_kills

    # -- Ray --------------------------------------------------------------------------------------------------

    def _begin(self, attempt: int) -> None:
        self._ray.start(attempt)
        self._ray_ended = 0.0
        for rank in range(self.plan.world_size):
            self.monitor.born(rank)
        self.monitor.started()

    def _end_ranks(self) -> None:
        if not any(rank.alive for rank in self.monitor.ranks):
            self._ray.part()
        self._ray.end()
        self._hear_last()
        for rank in self.monitor.ranks:
            if rank.alive:
                self.monitor.died(rank.rank, -signal.SIGKILL)

    def _hear_last(self) -> None:
        for tail in self._events:
            for message in tail.read():
                if message.get("k") in FROM_RANK:
                    self.monitor.heard(message)

    def _tell_folder(self) -> None:
        """run.json, at each change of the state and for each note."""
        monitor = self.monitor
        notes = monitor.history.told()
        if (monitor.state, notes) == self._told:
            return
        self._told = monitor.state, notes
        failure = monitor.failure.plain() if monitor.failure is not None else None
        with contextlib.suppress(OSError):  # a disk that is full must not end the run
            self.folder.tell(
                state=monitor.state, attempt=monitor.attempt, step=monitor.step(), failure=failure, reason=monitor.reason, forced=monitor.forced, notes=notes,
                **({"ended": time.time()} if monitor.state in ENDED else {}),
            )  # fmt: skip


def main(path: str, address: str, kernel: int) -> None:
    """Looks after the run until its end."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    ray_process.adopt()
    folder = RunFolder(Path(path))
    folder.tell(keeper=following.keeper())
    keeper = Keeper(folder, address)
    signal.signal(signal.SIGTERM, lambda *_: keeper._stop("the process that looks after the run was asked to end", keeper.plan.grace))
    if kernel:
        guard.watch(kernel, lambda: setattr(keeper, "kernel_gone", True))
    keeper.run()
    os._exit(0)  # all is said, and nothing is left that an interpreter with torch would have to put away for a second


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
