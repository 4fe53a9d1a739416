"""What a run looks like at one moment, in plain values, and as a page that every renderer knows."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbdebug.findings import Finding
from nbdebug.instruments.watch.panels.tensors import step_maps
from nbdebug.page import Curve, Glance, Heatmap, Note, Page, Panel, Section, Table
from nbdebug.render.numbers import number
from nbdebug.training.history import RankNow
from nbdebug.training.job import FUNCTION
from nbdebug.training.monitor import DONE, ENDED, FAILED, PAUSED
from nbdebug.training.record import layers
from nbdebug.training.view.courses import Courses

if TYPE_CHECKING:
    from nbdebug.training.run import Run

MOST_LAYERS = 16  # rows of a map; the report has them all
LINES = 12  # of output; the files keep all
COLUMNS = ("rank", "does", "step", "samples/s", "memory, MB", "waits for data, %", "device")
PHASES = {"": "starts", "start": "starts", "train": "trains", "validate": "validates", "checkpoint": "writes a checkpoint", "paused": "is paused", "end": "ends"}


@dataclass(frozen=True)
class Picture:
    """A run at one moment."""

    id: str
    state: str
    ended: bool
    words: str  # how far it is
    done: float | None  # share, 0 to 1; None when its length is not known
    trouble: str  # why it failed or ended early
    curves: tuple[Curve, ...]
    ranks: Table
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    layers: tuple[Heatmap, ...]  # of rank 0 over the steps
    printed: str  # the last lines, with the rank before each where there are several

    def line(self) -> str:
        """State and progress."""
        return " · ".join(filter(None, (self.state, self.words)))

    def page(self) -> Page:
        """To be kept, and for front ends without widgets."""
        told: list[Panel] = [*self.curves, self.ranks, *self.layers]
        told += [Note("notes", "\n".join(self.notes))] * bool(self.notes)
        told += [Note("last output", self.printed, "code")] * bool(self.printed)
        subtitle = f"{self.line()}: {self.trouble}" if self.trouble else self.line()
        return Page(f"run {self.id}", subtitle, self.findings, (), (Section("overview", "", tuple(told)),), unfinished="" if self.ended else f"the run is {self.state}")

    def glance(self) -> Glance:
        """For a line that is overwritten."""
        return Glance(f"run {self.id}", self.line(), self.done, self.findings, self.curves)


class Pictures:
    """Takes pictures of a run; what does not change is read once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._courses = Courses()
        self._about = run.folder.about()
        self._length = _length(run, self._about)
        self._found: tuple[Finding, ...] = ()
        self._found_in: Any = None  # what was known when it was found
        self._layers: tuple[Heatmap, ...] = ()
        self._layers_of = 0  # the file that they were drawn from
        self._epochs: tuple[int, int] | None = None  # (epochs, steps that they took), when the last one began

    def take(self) -> Picture:
        run, history = self.run, self.run.history
        self._courses.take(history.rows)
        ranks, state, ended = run.ranks, run.state, run.ended
        step, epoch = max((r.step for r in ranks), default=0), max((r.epoch for r in ranks), default=0)
        if isinstance(run.result, dict):  # more than the last beat of each second knew
            epoch = max(epoch, int(run.result.get("epoch") or 0))
        if ended and "ended" not in self._about:
            self._about = run.folder.about()
        return Picture(
            run.id, state, ended, self._words(state, step, epoch, ranks), self._done(state, step, epoch), run.trouble, self._courses.curves(),
            ranks_table(ranks, state), self._findings(state, ranks), tuple(history.notes), self._maps(), _printed(list(history.output), len(ranks)),
        )  # fmt: skip

    def _findings(self, state: str, ranks: list[RankNow]) -> tuple[Finding, ...]:
        """Looked for again when there is more to find: it takes all that was measured so far."""
        known = (state, len(self.run.history.findings), len(self.run.history.errors), layers.changed(self.run.folder), [rank.rank for rank in ranks if rank.silent])
        if known != self._found_in:
            self._found, self._found_in = tuple(self.run.findings), known
        return self._found

    def _maps(self) -> tuple[Heatmap, ...]:
        """Layers by steps, drawn anew when rank 0 has written what it saw."""
        changed = layers.changed(self.run.folder)
        if changed != self._layers_of and (seen := layers.read(self.run.folder)) is not None:
            self._layers, self._layers_of = tuple(step_maps(seen.result, most=MOST_LAYERS)), changed
        return self._layers

    def _words(self, state: str, step: int, epoch: int, ranks: list[RankNow]) -> str:
        unit, length = self._length
        speeds = [rank.samples_per_second for rank in ranks if rank.alive and rank.samples_per_second]
        loss, held_out = self._courses.last("loss"), self._courses.last("val_loss")
        parts = [
            f"step {step:,}{f' of {length:,}' if unit == 'steps' else ''}" if step else "",
            f"epoch {min(epoch + (state not in ENDED), length):,} of {length:,}" if unit == "epochs" and length and step else "",
            f"loss {number(loss)}" if loss is not None else "",
            f"validation {number(held_out)}" if held_out is not None else "",
            f"{number(float(f'{sum(speeds):.3g}'))} samples/s" if speeds and state != PAUSED else "",
            self._seconds(),
        ]
        return " · ".join(filter(None, parts))

    def _seconds(self) -> str:
        began = self._about.get("created")
        if began is None:
            return ""
        seconds = max(0, round(float(self._about.get("ended") or time.time()) - float(began)))
        hours, rest = divmod(seconds, 3600)
        return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"

    def _done(self, state: str, step: int, epoch: int) -> float | None:
        """The share that is done; of epochs it is known when the first one is over."""
        unit, length = self._length
        if state == DONE:
            return 1.0
        if not length or not step:
            return None
        if unit == "steps":
            return min(1.0, step / length)
        if epoch and (self._epochs is None or self._epochs[0] < epoch):
            self._epochs = (epoch, step)
        return min(1.0, step * self._epochs[0] / (self._epochs[1] * length)) if self._epochs else None


def ranks_table(ranks: Iterable[RankNow], state: str) -> Table:
    """A row a rank."""
    rows = tuple(
        (
            rank.rank, _does(rank, state), rank.step, _rounded(rank.samples_per_second), _rounded(rank.memory, 1e6), _rounded(rank.data_wait, 0.01), rank.device or None,
        )
        for rank in ranks
    )  # fmt: skip
    return Table("ranks", COLUMNS, rows)


def _does(rank: RankNow, state: str) -> str:
    if rank.exitcode is not None and rank.exitcode < 0:
        return f"killed by signal {-rank.exitcode}"
    if rank.exitcode or (not rank.alive and state == FAILED):
        return "failed" if rank.exitcode else "gone"
    if not rank.alive:
        return "has ended" if rank.step or rank.exitcode is not None else "starts"
    if rank.silent:
        return f"silent for {rank.heard:.0f} s"
    return PHASES.get(rank.phase, rank.phase)


def _rounded(value: float | None, unit: float = 1.0) -> float | int | None:
    if value is None:
        return None
    value = float(f"{value / unit:.3g}")
    return int(value) if value.is_integer() else value


def _printed(output: list[tuple[int, str]], ranks: int) -> str:
    lines = [f"{rank}│ {line}" if ranks > 1 else line for rank, text in output[-20 * LINES :] for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-LINES:])


def _length(run: Run, about: dict[str, Any]) -> tuple[str, int | None]:
    """How long it will be, in "steps" or "epochs"; a loop of the user's own does not say."""
    from nbdebug.errors import ConfigError
    from nbdebug.training.config import read_config

    if about.get("kind") == FUNCTION:
        return "", None
    try:
        told = read_config(run.folder.config).training
    except (ConfigError, OSError):  # of a run whose configuration is gone, or of another nbdebug
        return "", None
    if told.fast_dev_run:
        return "steps", 1
    return ("steps", told.max_steps) if told.max_steps is not None else ("epochs", told.epochs)
