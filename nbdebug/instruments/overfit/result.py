"""Whether a few samples can be memorised, attempt by attempt, what keeps them from it, and how it is laid out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nbdebug.errors import NbdebugError
from nbdebug.findings import Location
from nbdebug.page import Curve, Note, Panel, Table

PASS, FAIL, UNDECIDED = "PASS", "FAIL", "UNDECIDED"
LONGEST_LITERAL = 160  # characters of one line of the script that the report shows; `report.script()` gives all of it


@dataclass(frozen=True)
class Attempt:
    """One training on the frozen samples, from the weights as they are."""

    optimizer: str  # "your Adam", "Adam at 0.01"
    steps: tuple[int, ...]  # at which the loss was read
    losses: tuple[float, ...]
    progress: float  # share of the way from the first loss to the floor, at its best reading
    accuracy: float | None  # at its best reading
    memorised: bool
    calm: float | None = None  # the loss after the last step with dropout switched off; None where that was not asked


@dataclass(frozen=True)
class Experiment:
    """The same samples again, with one thing changed."""

    changed: str  # "dropout switched off"
    lowest: float | None  # loss; None when it could not be tried
    memorised: bool
    steps: int
    note: str = ""


@dataclass(frozen=True)
class Blocker:
    """The one change that alone lets the samples be memorised, or where the way is blocked."""

    said: str  # to follow the finding's first sentence: "with dropout switched off it comes down to 0.01 in 40 steps"
    location: Location = Location()
    advice: str = ""


@dataclass(frozen=True)
class Trial:
    """The verdict for one number of samples."""

    samples: int
    verdict: str  # PASS, FAIL or UNDECIDED
    reason: str
    floor: float | None = None  # the lowest loss that these samples allow; None when not known
    floor_from: str = ""  # how the floor is known
    redrawn: bool | None = None  # whether the dataset gives other tensors when it is asked again; None when it was not asked
    attempts: tuple[Attempt, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    blocker: Blocker | None = None

    @property
    def start(self) -> float | None:
        return self.attempts[0].losses[0] if self.attempts and self.attempts[0].losses else None

    @property
    def best(self) -> Attempt | None:
        return max(self.attempts, key=lambda attempt: (attempt.memorised, attempt.progress), default=None)

    @property
    def lowest(self) -> float | None:
        return min((loss for attempt in self.attempts for loss in attempt.losses if math.isfinite(loss)), default=None)


@dataclass(frozen=True)
class Overfit:
    """Can the model memorise a few samples?"""

    trials: tuple[Trial, ...] = ()
    code: str = ""  # a program that fails alike; empty when nothing failed

    def script(self) -> str:
        """A program that fails alike, and needs torch alone.

        Raises:
            NbdebugError: nothing failed.
        """
        if not self.code:
            said = ", ".join(f"{t.samples}: {t.verdict}" for t in self.trials) or "nothing was tried"
            raise NbdebugError(f"there is a script only for samples that cannot be memorised ({said})")
        return self.code

    def panels(self) -> tuple[Panel, ...]:
        """The verdicts in a table, the curve of every attempt, what was changed to find the blocker, the script."""
        panels: list[Panel] = [_table(self.trials)]
        for trial in self.trials:
            panels += [_curve(trial)] if trial.attempts else []
            panels += [_experiments(trial)] if trial.experiments else []
        if self.code:
            panels.append(Note("a program that fails alike: report.script()", _abridged(self.code), "code"))
        return tuple(panels)


def said_samples(count: int) -> str:
    """`one sample`, `10 samples`."""
    return "one sample" if count == 1 else f"{count} samples"


def _table(trials: tuple[Trial, ...]) -> Table:
    rows = tuple((t.samples, t.verdict, t.start, t.lowest, t.floor, t.best.optimizer if t.best else None, t.reason) for t in trials)
    columns = ("samples", "verdict", "loss at the start", "lowest", "floor", "best with", "why")
    redrawn = any(trial.redrawn for trial in trials)
    caption = "the dataset gives other tensors each time it is asked for these samples; here they are frozen" if redrawn else ""
    return Table("can a few samples be memorised?", columns, rows, caption)


def _curve(trial: Trial) -> Curve:
    floor = "" if trial.floor is None else f"; it cannot fall below {trial.floor:.3g}" + (f" ({trial.floor_from})" if trial.floor_from else "")
    return Curve(
        f"{said_samples(trial.samples)}: {trial.verdict}",
        {a.optimizer: a.losses for a in trial.attempts},
        y_label="loss",
        log_y=all(loss > 0 for a in trial.attempts for loss in a.losses if not math.isnan(loss)),
        caption=f"trained again and again on the same samples{floor}",
        own_x={a.optimizer: tuple(map(float, a.steps)) for a in trial.attempts},  # some go on for longer
    )


def _experiments(trial: Trial) -> Table:
    rows = tuple((e.changed, e.lowest, "yes" if e.memorised else "no", e.steps, e.note) for e in trial.experiments)
    columns = ("what was changed", "lowest loss", "memorised", "steps", "note")
    if not any(e.note for e in trial.experiments):
        columns, rows = columns[:-1], tuple(row[:-1] for row in rows)
    title = f"what blocks the way? {said_samples(trial.samples)}, one change at a time"
    return Table(title, columns, rows)


def _abridged(code: str) -> str:
    cut = (line if len(line) <= LONGEST_LITERAL else f"{line[:LONGEST_LITERAL]} …" for line in code.splitlines())
    return "\n".join(cut)
