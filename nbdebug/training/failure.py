"""Which of several errors is the one to show, and in which words."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nbdebug.errors import LONGEST, RankFailed


@dataclass(frozen=True)
class Failure:
    """Why a run failed."""

    rank: int | None
    step: int
    sentence: str
    traceback: str = ""  # of the rank, as it was printed there
    etype: str = ""  # of the exception that was raised; empty when it died without one
    signal: str = ""  # that ended the process

    def error(self) -> RankFailed:
        """The exception to raise in the kernel."""
        raised = RankFailed(self.sentence)
        raised.rank, raised.traceback = self.rank, self.traceback
        return raised

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def of_errors(errors: Iterable[Mapping[str, Any]]) -> Failure | None:
    """The earliest error that did not come of another; without any the earliest."""
    ordered = sorted(errors, key=lambda event: float(event.get("t", 0.0)))
    first = next((event for event in ordered if not event.get("secondary")), None) or next(iter(ordered), None)
    return of_error(first) if first is not None else None


def of_error(event: Mapping[str, Any]) -> Failure:
    """What a rank told of its exception."""
    rank, step, etype = int(event["r"]), int(event.get("step") or 0), str(event.get("etype", "Exception"))
    message = str(event.get("message", "")).strip() or "no message"
    message = message.splitlines()[0][:LONGEST]
    where = str(event.get("line") or "")
    sentence = f"rank {rank} raised {etype} {_at(step)}: {message}" + (f" ({where})" if where else "")
    return Failure(rank, step, sentence, str(event.get("traceback", "")), etype)


def of_death(rank: int, step: int, exitcode: int | None, *, oom_kills: int | None = None, host_gone: bool = False) -> Failure:
    """A process that ended without a word.

    Args:
        exitcode: negative: the signal; 255 with `host_gone`: the server it was forked from went first.
        oom_kills: how often the system has killed a process of this group for want of memory since the run began; None: not known.
    """
    if host_gone:
        return Failure(rank, step, f"the process that the ranks are forked from was ended from outside {_at(step)}, and they with it, as when the kernel is shut down")
    if exitcode is None or exitcode >= 0:
        how = "before it was done, without an exception: does something call os._exit() or sys.exit()?" if not exitcode else "without an exception"
        return Failure(rank, step, f"rank {rank} ended with exit code {exitcode} {_at(step)}, {how}")
    name = _signal_name(-exitcode)
    return Failure(rank, step, f"rank {rank} was killed by {name} {_at(step)}{_why(name, oom_kills)}", signal=name)


def _why(name: str, oom_kills: int | None) -> str:
    if name == "SIGKILL" and oom_kills:
        return f": out of memory (the system has killed {oom_kills} for it since the run began); try a smaller batch, or fewer processes or workers"
    if name == "SIGKILL":
        told = "" if oom_kills is None else " of the whole machine, since the limit of this process group has killed nothing"
        return f", not by nbdebug: probably out of memory{told}; or somebody's kill"
    if name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"):
        return ": a crash in compiled code; run.logs() shows what it printed last"
    return ""


def _at(step: int) -> str:
    return f"at step {step}" if step else "before the first step"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
