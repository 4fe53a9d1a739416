"""What is known of a run, and what is to be done next: pure logic, with a clock that is given.

    monitor = Monitor(world_size=2)
    monitor.begin()
    for message in …: monitor.heard(message)      # or monitor.died(rank, exitcode), monitor.stop("…")
    for action in monitor.actions(): …            # tell, end, begin again

Who starts processes and reads pipes (`local.engine`) does what it says, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nbdebug.training import events
from nbdebug.training.failure import Failure, of_death, of_errors
from nbdebug.training.history import History, Rank, RankNow, clock

PREPARING, STARTING, RUNNING, PAUSED, STOPPING, RESTARTING = "preparing", "starting", "running", "paused", "stopping", "restarting"
DONE, FAILED, INTERRUPTED = "done", "failed", "interrupted"
ENDED = frozenset((DONE, FAILED, INTERRUPTED))

COLLECTING = 1.0  # seconds in which ranks may tell what really happened, when all that is known came of something else
CLOSING = 0.25  # the same when the cause is known: the others' last words; measured: gloo's echo comes within 0.05
LINGERING = 5.0  # seconds that a process may take to end when all ranks are done; our choice: an interpreter with torch takes up to 1.5
SILENT = 5.0  # seconds without a word; ranks say one each second from a thread of their own


@dataclass(frozen=True)
class Tell:
    """Send this to a rank, or to all of them."""

    message: Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """Kill these ranks and their workers, at once."""

    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Begin:
    """Start all ranks."""

    attempt: int


Action = Tell | End | Begin


class Monitor:
    """The state of one run.

    Args:
        grace: seconds that ranks have to end by themselves once they were asked to.
        restarts: how often all ranks may be started again because one died; an exception of the user's code is never tried again.
        now: seconds, only forward.
    """

    def __init__(
        self, world_size: int, *, grace: float = 10.0, restarts: int = 0, silent: float = SILENT, now: Callable[[], float] = clock
    ) -> None:  # fmt: skip
        self.world_size, self.grace, self.restarts, self.silent = world_size, grace, restarts, silent
        self.now = now
        self.state = PREPARING
        self.attempt = 0
        self.history = History()
        self.failure: Failure | None = None
        self.forced = False  # ranks had to be killed to stop
        self.reason = ""  # of the stop
        self.ranks = self._fresh()
        self._actions: list[Action] = []
        self._due: dict[str, float] = {}  # what is to be done by the clock, and when
        self._started = False  # all processes of this attempt, as far as it went
        self._wanted = False  # somebody asked for the end
        self._errors: list[Mapping[str, Any]] = []  # of this attempt
        self._deaths: list[Failure] = []  # of this attempt, without a word, in order
        self._named: set[int] = set()  # ranks that are known to be silent
        self._moved: dict[int, tuple[int, float]] = {}  # by rank: the step it is at, and since when
        self._waiting: set[int] = set()  # ranks that are known to wait for one that has left

    # -- what happens -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """All is prepared; the ranks are to be started."""
        if self.state == PREPARING:
            self.state = STARTING
            self._actions.append(Begin(self.attempt))

    def heard(self, event: Mapping[str, Any]) -> None:
        """A rank said something; what comes late from an earlier attempt is history only."""
        self.history.hear(event)
        if event.get("a", 0) != self.attempt or not 0 <= int(event.get("r", -1)) < self.world_size:
            return
        rank = self.ranks[int(event["r"])]
        rank.hear(event, self.now())
        self._named.discard(rank.rank)
        if self._moved.get(rank.rank, (-1, 0.0))[0] != rank.step:
            self._moved[rank.rank] = rank.step, self.now()
        if event["k"] == "error":
            self._errors.append(event)
            self._fail()
        elif self.state in (STARTING, RESTARTING, RUNNING, PAUSED):
            self.state = PAUSED if self._paused() else RUNNING if any(rank.stepped for rank in self.ranks) else self.state
        if all(rank.done for rank in self.ranks):
            self._due.setdefault("linger", self.now() + LINGERING)

    def born(self, rank: int) -> None:
        """Its process runs."""
        self.ranks[rank].alive = True

    def started(self) -> None:
        """All that could be started of this attempt was started."""
        self._started = True

    def died(self, rank: int, exitcode: int | None, *, oom_kills: int | None = None, host_gone: bool = False) -> None:
        """A rank's process has ended."""
        gone = self.ranks[rank]
        gone.alive, gone.exitcode = False, exitcode
        if not gone.done and not (self._wanted and self.forced) and not any(event["r"] == rank for event in self._errors):
            self._deaths.append(of_death(rank, gone.step, exitcode, oom_kills=oom_kills, host_gone=host_gone))
            self._fail()

    def not_started(self, why: str, traceback: str = "") -> None:
        """The ranks could not be started; some of them may run."""
        self._deaths.append(Failure(None, 0, why, traceback))
        self.restarts, self._started = 0, True
        self._due["collected"] = self.now()

    def abandoned(self) -> None:
        """Whoever looked after the ranks cannot go on; nothing of them is left."""
        for rank in self.ranks:
            rank.alive = False
        self.restarts = self.attempt
        self._all_gone()

    def stop(self, reason: str = "", grace: float | None = None) -> None:
        """Asks all ranks to end; the second time, or before they train, they are ended."""
        if self.state in ENDED:
            return
        if self._wanted or not any(rank.stepped for rank in self.ranks):
            self.kill(reason)
            return
        self._wanted, self.reason, self.state = True, reason, STOPPING
        self._actions.append(Tell(events.command("stop", reason=reason)))
        self._due["grace"] = self.now() + (self.grace if grace is None else grace)

    def kill(self, reason: str = "") -> None:
        """Ends all ranks now."""
        if self.state in ENDED:
            return
        self._wanted, self.reason, self.state = True, self.reason or reason, STOPPING
        self._actions = [action for action in self._actions if not isinstance(action, Begin)]
        self._started |= not self._alive()
        self._end_all()

    def pause(self) -> None:
        self._actions.append(Tell(events.command("pause")))

    def resume(self) -> None:
        self._actions.append(Tell(events.command("resume")))

    # -- what is to be done -----------------------------------------------------------------------------------

    def actions(self) -> list[Action]:
        """What is to be done now, in order; looks at the clock."""
        now = self.now()
        for name in [name for name, at in self._due.items() if at <= now]:
            del self._due[name]
            {"grace": self._end_all, "collected": self._end_all, "linger": self._end_rest}[name]()
        self._name_the_silent()
        self._name_who_waits()
        if self._started and self.state not in ENDED and not self._alive():
            self._all_gone()
        taken, self._actions = self._actions, []
        return taken

    def due(self) -> float | None:
        """Seconds until `actions` may have something by the clock alone."""
        return max(0.0, min(self._due.values()) - self.now()) if self._due else None

    def ranks_now(self) -> list[RankNow]:
        return [rank.now(self.now(), self.silent) for rank in self.ranks]

    def step(self) -> int:
        return max(rank.step for rank in self.ranks)

    # -- how it goes on ---------------------------------------------------------------------------------------

    def _fresh(self) -> list[Rank]:
        return [Rank(rank) for rank in range(self.world_size)]

    def _alive(self) -> list[Rank]:
        return [rank for rank in self.ranks if rank.alive]

    def _paused(self) -> bool:
        return bool(self._alive()) and all(rank.phase == "paused" for rank in self._alive())

    def _fail(self) -> None:
        """The first error; others get a moment to tell of an earlier one, unless nobody is left who could."""
        told = {event["r"] for event in self._errors}
        nobody_left = all(not rank.alive or rank.rank in told for rank in self.ranks)
        known = bool(self._deaths) or not all(event.get("secondary") for event in self._errors)
        at = self.now() + (0.0 if nobody_left else CLOSING if known else COLLECTING)
        self._due["collected"] = min(at, self._due.get("collected", at))

    def _end_all(self) -> None:
        self.forced |= self._wanted
        self._end_rest()

    def _end_rest(self) -> None:
        """Also those that are dead: what they left behind goes with them."""
        self._actions.append(End(tuple(range(self.world_size))))

    def _name_the_silent(self) -> None:
        for rank in self.ranks_now():
            if rank.silent and rank.rank not in self._named:
                self._named.add(rank.rank)
                self.history.note(f"rank {rank.rank} has been silent for {rank.heard:.0f} s at step {rank.step}; run.stacks() shows where each rank stands")

    def _name_who_waits(self) -> None:
        """A rank that stands still since another has left its loop: it may wait in a collective that will never be."""
        left = next((rank for rank in self._alive() if rank.phase == "end"), None)
        if left is None or self.state != RUNNING:
            return
        for rank in self._alive():
            step, since = self._moved.get(rank.rank, (0, self.now()))
            stood = self.now() - since
            if rank.phase == "train" and stood > self.silent and rank.rank not in self._waiting:
                self._waiting.add(rank.rank)
                self.history.note(
                    f"rank {left.rank} has left its loop after step {left.step}, and rank {rank.rank} has stood at step {step} for {stood:.0f} s: "
                    "it may wait for the other in vain (did both have as many batches?); run.stacks() shows where each rank stands"
                )

    def _all_gone(self) -> None:
        """No process is left: the end, or another attempt."""
        self._due.clear()
        self._started = False
        self._end_rest()
        failed = self._errors or self._deaths
        if self._wanted and (self.forced or failed or self.history.stopping is not None):
            self.state = INTERRUPTED
        elif not failed:
            self.state = DONE
        elif self._may_try_again():
            self._again()
        else:
            self.failure = self._root()
            self.state = FAILED

    def _may_try_again(self) -> bool:
        """A rank that died, not one that raised: the same code would raise the same again."""
        return self.attempt < self.restarts and all(event.get("secondary") for event in self._errors)

    def _again(self) -> None:
        self.history.note(f"{self._root().sentence}; all ranks start again from the last checkpoint")
        self.attempt += 1
        self.state = RESTARTING
        self.ranks = self._fresh()
        self._moved, self._waiting = {}, set()
        self._errors, self._deaths = [], []
        self._actions.append(Begin(self.attempt))

    def _root(self) -> Failure:
        """The user's exception before a death, a death before what came of it."""
        told = of_errors(self._errors)
        if told is not None and not all(event.get("secondary") for event in self._errors):
            return told
        return self._deaths[0] if self._deaths else told  # type: ignore[return-value]
