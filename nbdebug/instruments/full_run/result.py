"""What a run came to, in plain values, and how it is laid out."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbdebug.findings import Finding, Location
from nbdebug.instruments.base import Judged
from nbdebug.page import Curve, Note, Panel, Table

MOST = 600  # points of a curve that are drawn


@dataclass(frozen=True)
class RankState:
    """What one rank did last."""

    rank: int
    state: str  # train, validate, … or done, "killed by SIGKILL"
    step: int
    samples_per_second: float | None
    data_wait: float | None  # share of the time
    memory: float | None  # bytes
    device: str
    host: str


@dataclass(frozen=True)
class Failed:
    """Why a run failed, or which rank fell silent."""

    rank: int | None  # None: none in particular
    step: int
    sentence: str
    place: Location  # in the user's code, where it is known
    etype: str = ""  # of the exception
    signal: str = ""  # that ended the process
    silent: bool = False


@dataclass(frozen=True)
class FullRun:
    """One run."""

    id: str
    state: str
    step: int
    epoch: int
    curves: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]  # name → steps, values
    ranks: tuple[RankState, ...]
    told: tuple[Finding, ...] = ()  # what ranks found
    failed: tuple[Failed, ...] = ()
    capsules: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def of(self, *codes: str) -> tuple[Finding, ...]:
        """What ranks told under these codes."""
        return tuple(finding for finding in self.told if finding.code in codes)

    def panels(self) -> tuple[Panel, ...]:
        """Curves, a row for each rank, files and notes."""
        found: list[Panel] = [_curve(title, names, self.curves) for title, names in _together(self.curves)]
        found.append(Table("ranks", ("rank", "state", "step", "samples/s", "waits for data", "memory, MB", "device", "host"), tuple(map(_row, self.ranks))))
        files = [("checkpoint", path) for path in self.checkpoints[-3:]] + [("capsule", path) for path in self.capsules]
        if files:
            found.append(Table("files", ("what", "path"), tuple(files)))
        if self.notes:
            found.append(Note("notes", "\n".join(self.notes)))
        return tuple(found)


full_run = Judged("full_run", title="full run", level="optimisation", result=FullRun)


def _row(rank: RankState) -> tuple[str | int | float | None, ...]:
    wait = None if rank.data_wait is None else f"{rank.data_wait:.0%}"
    memory = None if rank.memory is None else round(rank.memory / 1e6)
    rate = None if rank.samples_per_second is None else round(rank.samples_per_second, 1)
    return rank.rank, rank.state, rank.step, rate, wait, memory, rank.device, rank.host


def _together(curves: dict[str, object]) -> list[tuple[str, list[str]]]:
    """Training and validation of one measure in one picture."""
    groups: dict[str, list[str]] = {}
    for name in curves:
        groups.setdefault(name.removeprefix("val_"), []).append(name)
    return sorted(groups.items(), key=lambda group: group[0] != "loss")


def _curve(title: str, names: list[str], curves: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]) -> Curve:
    thin = {name: max(1, -(-len(curves[name][0]) // MOST)) for name in names}
    series = {name: curves[name][1][:: thin[name]] for name in names}
    return Curve(title, series, x=curves[names[0]][0][:: thin[names[0]]], own_x={name: curves[name][0][:: thin[name]] for name in names})
