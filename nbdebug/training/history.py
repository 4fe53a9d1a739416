"""What the ranks have said, as far as it is worth keeping: curves, findings, checkpoints, results, and what each rank does now."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbdebug.training.events import number

LINES = 500  # of output kept in memory for the view; the files keep all
KEPT = 100  # notes in run.json; our choice: a rank that is silent now and then tells of it each time


TRAINING = ("train", "validate", "checkpoint", "paused", "end")  # phases in which ranks listen


@dataclass(frozen=True)
class RankNow:
    """What one rank does at this moment, as it said last."""

    rank: int
    phase: str  # "", start, train, validate, checkpoint, paused, end
    step: int
    epoch: int
    samples_per_second: float | None
    data_wait: float | None  # share of the step's time
    memory: float | None  # bytes
    device: str
    host: str
    pid: int
    heard: float  # seconds since its last word
    silent: bool  # for so long that something is wrong
    alive: bool
    exitcode: int | None  # negative: the signal that ended it


@dataclass(frozen=True)
class Row:
    """What was measured at one step."""

    rank: int
    attempt: int
    step: int
    epoch: float | None
    metrics: Mapping[str, float]
    validation: bool


@dataclass
class Rank:
    """One rank in this attempt."""

    rank: int
    said: dict[str, Any] = field(default_factory=dict)  # the fields of its last words, by name
    heard_at: float | None = None  # by the clock of who listens
    exitcode: int | None = None
    alive: bool = False
    done: bool = False
    ready: bool = False
    stepped: bool = False  # it trains; a stop can be agreed on

    @property
    def step(self) -> int:
        return int(self.said.get("step") or 0)

    @property
    def phase(self) -> str:
        return str(self.said.get("phase") or "")

    @property
    def pid(self) -> int:
        return int(self.said.get("pid") or 0)

    def hear(self, event: Mapping[str, Any], now: float) -> None:
        """Takes over what it says of itself."""
        self.heard_at = now
        kind = event["k"]
        if kind in ("hello", "beat", "metric", "validation", "checkpoint", "stopping", "error", "done"):
            self.said.update((name, value) for name, value in event.items() if value is not None)
        self.ready |= kind == "ready"
        self.stepped |= kind in ("first_step", "metric", "validation") or (kind == "beat" and (bool(event.get("step")) or event.get("phase") in TRAINING))
        self.done |= kind == "done"

    def now(self, clock: float, silent_after: float) -> RankNow:
        """A picture of it."""
        heard = clock - self.heard_at if self.heard_at is not None else 0.0
        return RankNow(
            self.rank, self.phase, self.step, int(self.said.get("epoch") or 0), _measured(self.said, "samples_per_second"), _measured(self.said, "data_wait"),
            _measured(self.said, "memory"), str(self.said.get("device") or ""), str(self.said.get("host") or ""), self.pid,
            heard, self.alive and self.heard_at is not None and not self.done and heard > silent_after, self.alive, self.exitcode,
        )  # fmt: skip


@dataclass
class History:
    """Of one run, over all its attempts."""

    rows: list[Row] = field(default_factory=list)
    findings: list[Mapping[str, Any]] = field(default_factory=list)
    verdicts: list[Mapping[str, Any]] = field(default_factory=list)  # of a preflight that was made in the ranks
    notes: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)  # of the notes: those of whoever looks after the run, which no rank has told
    checkpoints: list[Mapping[str, Any]] = field(default_factory=list)
    snapshots: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # by token
    capsules: list[Mapping[str, Any]] = field(default_factory=list)
    errors: list[Mapping[str, Any]] = field(default_factory=list)
    stacks: dict[int, str] = field(default_factory=dict)  # by rank, the last
    done: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    output: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=LINES))  # (rank, text)
    dropped: int = 0
    first_step: float | None = None  # seconds after the call
    stopping: str | None = None  # why all ranks agreed to end early

    def hear(self, event: Mapping[str, Any]) -> None:
        """Adds one event."""
        kind = event.get("k")
        if kind in ("metric", "validation"):
            self._row(event, kind == "validation")
        elif kind in ("checkpoint", "capsule", "error"):
            {"checkpoint": self.checkpoints, "capsule": self.capsules, "error": self.errors}[kind].append(event)
        elif kind == "finding":
            self.findings.append(event["finding"])
        elif kind == "preflight":
            self.verdicts = list(event.get("verdicts") or ())
        elif kind == "note":
            self._noted(str(event.get("text", "")))
        elif kind == "snapshot":
            self.snapshots[str(event.get("token"))] = event
        elif kind == "stacks":
            self.stacks[int(event["r"])] = str(event.get("text", ""))
        elif kind == "log":
            self.output.append((int(event["r"]), str(event.get("text", ""))))
        elif kind == "dropped":
            self.dropped += int(event.get("count", 0))
        elif kind == "done":
            self.done[int(event["r"])] = event
        elif kind == "stopping":
            self.stopping = str(event.get("reason", ""))
        elif kind == "first_step" and self.first_step is None:
            self.first_step = number(event.get("seconds", 0.0))

    def note(self, text: str) -> None:
        """A sentence for the user, by whoever looks after the run; once."""
        if text not in self.own:
            self.own.append(text)
        self._noted(text)

    def told(self) -> list[str]:
        """Of the own notes as many as run.json keeps, for those who only read the run's files."""
        return self.own[-KEPT:]

    def _noted(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _row(self, event: Mapping[str, Any], validation: bool) -> None:
        epoch, metrics = event.get("epoch"), event.get("metrics") or {}
        measured = {str(name): number(value) for name, value in metrics.items() if isinstance(value, (int, float, Mapping))}
        self.rows.append(Row(int(event.get("r", 0)), int(event.get("a", 0)), int(event.get("step") or 0), None if epoch is None else number(epoch), measured, validation))


def table(rows: Iterable[Row]) -> list[dict[str, float | None]]:
    """One mapping a step: step, epoch, the metrics, and those of validation with `val_` before their names.

    A run that was restarted goes on from a checkpoint; what an earlier attempt had measured after that is left out. Where all ranks tell, the first one's count.
    """
    rows = list(rows)
    first = min((row.rank for row in rows), default=0)
    rows = [row for row in rows if row.rank == first]
    begun: dict[int, int] = {}
    for row in rows:
        begun[row.attempt] = min(begun.get(row.attempt, row.step), row.step)
    steps: dict[int, dict[str, float | None]] = {}
    for row in sorted(rows, key=lambda row: row.attempt):
        if any(attempt > row.attempt and row.step >= first for attempt, first in begun.items()):
            continue
        at = steps.setdefault(row.step, {"step": row.step, "epoch": row.epoch})
        at.update((f"val_{name}" if row.validation and not name.startswith("val_") else name, value) for name, value in row.metrics.items())
    return [steps[step] for step in sorted(steps)]


def clock() -> float:
    """Seconds that only go forward: the time of day may jump."""
    return time.monotonic()


def _measured(said: Mapping[str, Any], name: str) -> float | None:
    value = said.get(name)
    return number(value) if isinstance(value, (int, float)) or (isinstance(value, Mapping) and "float" in value) else None
