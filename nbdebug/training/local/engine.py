"""The one thread that looks after a run on this machine: it starts the ranks, listens, and does what the monitor says."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import signal
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

from nbdebug.errors import LaunchError, first_line
from nbdebug.training import events
from nbdebug.training.commands import NAME, Tail
from nbdebug.training.folder import OWNER_ONLY, RunFolder
from nbdebug.training.local import at_home, ending, preloaded, server
from nbdebug.training.local.memory import oom_kills
from nbdebug.training.local.plan import Plan
from nbdebug.training.local.start import FORKSERVER, SPAWN, Entry, Started, start_methods, start_rank
from nbdebug.training.local.store import Store
from nbdebug.training.monitor import ENDED, Begin, End, Monitor, Tell

LOOK = 0.2  # seconds between looks at wishes from elsewhere
OFTEN = 0.1  # seconds between two calls of those who want to know; ten a second are smooth to the eye
GONE = 1.0  # seconds between looks whether the run's folder is still there
SERVER_STARTS = 120.0  # seconds that the server may take to import torch; measured: 2 to 4
LEAVING = 1.0  # seconds that ranks get when the kernel shuts down
ENTRY = "nbdebug.training.rank.entry"

_running: weakref.WeakSet[Engine] = weakref.WeakSet()


class Engine:
    """A run's processes, from the first start to the last one gone.

    Args:
        entry: what runs in a rank; None: `nbdebug.training.rank.entry.main`.
        changed: called in the engine's thread when something happened, ten times a second at most.
    """

    def __init__(self, folder: RunFolder, plan: Plan, *, entry: Entry | None = None, changed: Callable[[], None] = lambda: None) -> None:
        self.folder, self.plan = folder, plan
        self.monitor = Monitor(plan.world_size, grace=plan.grace, restarts=plan.restarts)
        self.ended = threading.Event()
        self.server_report: dict[str, Any] | None = None
        self._entry, self._changed = entry, changed
        self._asked: deque[Callable[[], None]] = deque()
        self._end_is_asked = False
        self._woken, self._wake = Pipe(duplex=False)
        self._ranks: dict[int, Started] = {}
        self._store: Store | None = None
        self._server: Any = None
        self._commands = Tail(folder.path / NAME, from_start=False)
        self._known = folder.about()
        self._folder_gone, self._folder_seen = False, 0.0
        self._oom_kills = oom_kills()
        self._news, self._told_at = False, 0.0
        self._told: tuple[str, list[str]] = ("", [])  # in run.json
        self._home = at_home.launching_cell()
        self._thread = threading.Thread(target=self._run, name=f"nbdebug run {folder.id}", daemon=True)

    def start(self) -> None:
        """Returns at once."""
        if not _running:
            atexit.unregister(_leave)
            atexit.register(_leave)  # again, so that it comes before multiprocessing waits for its children
        _running.add(self)
        self._thread.start()

    # -- from any thread --------------------------------------------------------------------------------------

    def tell(self, kind: str, **fields: Any) -> None:
        """A wish that all ranks hear."""
        self._ask(lambda: self._send(events.command(kind, **fields)))

    def stop(self, reason: str = "", grace: float | None = None) -> None:
        self._end_is_asked = True
        self._ask(lambda: self.monitor.stop(reason, grace))

    def kill(self, reason: str = "") -> None:
        self._end_is_asked = True
        self._ask(lambda: self.monitor.kill(reason))

    def join(self, timeout: float | None = None) -> None:
        """Until the thread has put everything away."""
        self._thread.join(timeout)

    def _ask(self, wish: Callable[[], None]) -> None:
        self._asked.append(wish)
        with contextlib.suppress(OSError):
            self._wake.send_bytes(b"!")

    # -- the thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what it starts begins so
        at_home.stay(self._home)
        try:
            self._store = Store()
            self.monitor.begin()
            self._look_after()
        except Exception as error:  # a mistake of ours must not leave ranks behind
            why = str(error) if isinstance(error, LaunchError) else f"nbdebug could not look after the run: {type(error).__name__}: {first_line(error)}"
            self.monitor.not_started(why, traceback.format_exc())
            self._end(tuple(self._ranks))
            self.monitor.abandoned()
        finally:
            self._put_away()
            self._tell_folder()
            self.ended.set()
            self._call_changed()

    def _look_after(self) -> None:
        while True:
            for action in self.monitor.actions():
                self._do(action)
            self._look_at_folder()
            self._tell_folder()
            if self.monitor.state in ENDED:
                return
            self._listen()
            self._say_changed()

    def _do(self, action: Tell | End | Begin) -> None:
        self._news = True
        if isinstance(action, Tell):
            self._send(action.message)
        elif isinstance(action, End):
            self._end(action.ranks)
        else:
            self._begin(action.attempt)

    def _listen(self) -> None:
        """Waits for what comes next, and takes it."""
        living = {rank: started for rank, started in self._ranks.items() if self.monitor.ranks[rank].alive}
        sentinels = [started.process.sentinel for started in living.values()]
        lines = {started.line.connection: rank for rank, started in living.items() if not started.line.closed}
        due = self.monitor.due()
        ready = wait([self._woken, *sentinels, *lines], min(LOOK, OFTEN if self._news else LOOK, LOOK if due is None else due))
        for each in ready:
            if each in lines:
                self._hear(lines[each])
        for rank, started in living.items():
            if started.process.exitcode is not None:  # not by its sentinel alone: a worker may hold that open
                self._died(rank)
        while self._woken.poll():
            self._woken.recv_bytes()
        for started in living.values():
            started.line.flush()
        self._take_wishes()

    def _hear(self, rank: int) -> None:
        for message in self._ranks[rank].line.read():
            if message.get("k") in events.FROM_RANK:
                self._news = True
                self.monitor.heard(message)
                if message["k"] == "hello":
                    self._compare(message)

    def _died(self, rank: int) -> None:
        process = self._ranks[rank].process
        while not self._ranks[rank].line.closed:  # its last words, which may be more than is read in one go
            self._hear(rank)
            if not wait([self._ranks[rank].line.connection], 0):
                break
        host_gone = self._server is not None and process.exitcode == 255 and self._server.dies(0.2)
        kills, before = oom_kills(), self._oom_kills
        self._news = True
        self.monitor.died(rank, process.exitcode, oom_kills=kills - before if kills is not None and before is not None else None, host_gone=host_gone)
        ending.end(process.pid, dead=not host_gone)

    def _take_wishes(self) -> None:
        """From this process, and from others."""
        while self._asked:
            self._asked.popleft()()
            self._news = True
        for message in self._commands.read():
            kind = message.pop("k", "")
            if kind == "stop":
                self.monitor.stop(str(message.get("reason", "")), message.get("grace"))
            elif kind == "kill":
                self.monitor.kill(str(message.get("reason", "")))
            elif kind in events.TO_RANK:
                self._send(events.command(kind, **{name: value for name, value in message.items() if name not in ("v", "t")}))

    # -- processes --------------------------------------------------------------------------------------------

    def _begin(self, attempt: int) -> None:
        """Starts all ranks, unless the end is asked for meanwhile."""
        self._close_lines()
        try:
            method = self._method()
            entry = self._entry or importlib.import_module(ENTRY).main
            for rank in range(self.plan.world_size):
                if self._end_is_asked or method is None:
                    break
                assert self._store is not None
                spec = self.plan.spec(self.folder, rank, attempt, self._store.path)
                self._ranks[rank] = start_rank(entry, spec, self._server if method == FORKSERVER else None)
                self.monitor.born(rank)
        except (OSError, EOFError, LaunchError, RuntimeError) as error:
            self.monitor.not_started(f"the ranks could not be started: {first_line(error)}")
        else:
            self.monitor.started()

    def _method(self) -> str | None:
        """How ranks are started here, with a server that is ready; None when the end is asked for before it is."""
        wanted = self.plan.start_method
        if wanted == SPAWN or FORKSERVER not in start_methods():
            return SPAWN
        if self._server is None or not self._server.alive():
            self._hand_back()
            self._server = server.lent(self.plan.imports)
        wrong = self._wait_for_server()
        if wrong is None:
            return None
        if not wrong:
            return FORKSERVER
        server.retire(self._server)
        self._hand_back()
        if wanted == FORKSERVER:
            raise LaunchError(f"{wrong}; start_method='spawn' does without")
        self.monitor.history.note(f"{wrong}; the ranks are spawned instead, which takes some seconds more")
        return SPAWN

    def _wait_for_server(self) -> str | None:
        """What is wrong with the server, or nothing; None when the end is asked for."""
        until = time.monotonic() + SERVER_STARTS
        while (report := self._server.report()) is None:
            if self._end_is_asked:
                return None
            if not self._server.alive():
                return "the process that ranks are forked from died while it started"
            if time.monotonic() > until:
                return f"the process that ranks are forked from was not ready within {SERVER_STARTS:.0f} s"
            time.sleep(0.01)
        self.server_report = report
        if report["cuda"]:
            return "the process that ranks are forked from has a GPU in use, which a fork cannot take over"
        if report["versions"] != preloaded.versions():
            return _apart(report["versions"])
        return ""

    def _compare(self, hello: Any) -> None:
        """Objects pickled by one version are not always understood by another."""
        told = hello.get("versions")
        ours = preloaded.versions()
        if isinstance(told, dict) and any(told.get(name, version) != version for name, version in ours.items()):
            self.monitor.not_started(_apart(told))

    def _send(self, message: Any) -> None:
        for rank, started in self._ranks.items():
            if self.monitor.ranks[rank].alive:
                started.line.send(message)

    def _end(self, ranks: tuple[int, ...]) -> None:
        for rank in ranks:
            if rank in self._ranks and (pid := self._ranks[rank].process.pid):
                ending.end(pid, dead=not self.monitor.ranks[rank].alive)

    # -- what is told, and put away ---------------------------------------------------------------------------

    def _say_changed(self) -> None:
        if self._news and time.monotonic() - self._told_at >= OFTEN:
            self._news, self._told_at = False, time.monotonic()
            self._call_changed()

    def _call_changed(self) -> None:
        try:
            self._changed()
        except Exception as error:  # of whoever shows the run; the run goes on
            self.monitor.history.note(f"showing the run failed: {type(error).__name__}: {first_line(error)}")

    def _look_at_folder(self) -> None:
        """Somebody may take it away while the run goes on; said once."""
        if self._folder_gone or not self._known or time.monotonic() - self._folder_seen < GONE:
            return
        self._folder_seen, self._folder_gone = time.monotonic(), not self.folder.run_json.exists()
        if self._folder_gone:
            self.monitor.history.note(f"{self.folder.path} was removed while the run goes on: what it writes from now on is begun anew there, as far as that can be written")

    def _tell_folder(self) -> None:
        """run.json, at each change of the state and for each note."""
        monitor = self.monitor
        notes = monitor.history.told()
        if (monitor.state, notes) == self._told:
            return
        self._told = monitor.state, notes
        failure = monitor.failure.plain() if monitor.failure is not None else None
        with contextlib.suppress(OSError):  # a disk that is full must not end the run
            if not self.folder.run_json.exists():
                self.folder.path.mkdir(OWNER_ONLY, parents=True, exist_ok=True)
                self.folder.tell(**self._known)
            self.folder.tell(
                state=monitor.state, attempt=monitor.attempt, step=monitor.step(), failure=failure, reason=monitor.reason, forced=monitor.forced, notes=notes,
                **({"ended": time.time()} if monitor.state in ENDED else {}),
            )  # fmt: skip

    def _close_lines(self) -> None:
        for started in self._ranks.values():
            started.line.close()
            started.process.join(LEAVING)
            with contextlib.suppress(ValueError):  # it still runs, against all odds
                started.process.close()
        self._ranks.clear()

    def _hand_back(self) -> None:
        if self._server is not None:
            server.back(self._server)
            self._server = None

    def _put_away(self) -> None:
        self._close_lines()
        self._hand_back()
        if self._store is not None:
            self._store.close()
        self._woken.close()
        self._wake.close()
        _running.discard(self)


def _apart(told: Any) -> str:
    ours = preloaded.versions()
    which = ", ".join(f"{name} {told.get(name, '?')} there, {version} here" for name, version in ours.items() if told.get(name, version) != version)
    return f"the ranks have other versions than this kernel ({which}): restart the kernel"


def _leave() -> None:
    """The kernel shuts down: the runs that it looks after end with it."""
    running = list(_running)
    for engine in running:
        engine.stop("the kernel shut down", grace=LEAVING)
    until = time.monotonic() + 2 * LEAVING
    for engine in running:
        engine.ended.wait(max(0.0, until - time.monotonic()))
        engine.kill()
        engine.ended.wait(LEAVING)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)  # a fork of the kernel looks after nothing
