"""Whether a few samples can be memorised, attempt by attempt, and how it is laid out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nbdebug.page import Curve, Panel, Table

PASS, FAIL, UNDECIDED = "PASS", "FAIL", "UNDECIDED"


@dataclass(frozen=True)
class Attempt:
    """One training on the frozen samples, from the weights as they are."""

    optimizer: str  # "your Adam", "Adam at 0.01"
    steps: tuple[int, ...]  # at which the loss was read
    losses: tuple[float, ...]
    progress: float  # share of the way from the first loss to the floor, at its best reading
    accuracy: float | None  # at its best reading
    memorised: bool


@dataclass(frozen=True)
class Trial:
    """The verdict for one number of samples."""

    samples: int
    verdict: str  # PASS, FAIL or UNDECIDED
    reason: str
    floor: float | None = None  # the lowest loss that these samples allow; None when not known
    attempts: tuple[Attempt, ...] = ()

    @property
    def start(self) -> float | None:
        return self.attempts[0].losses[0] if self.attempts and self.attempts[0].losses else None

    @property
    def best(self) -> Attempt | None:
        return max(self.attempts, key=lambda attempt: attempt.progress, default=None)


@dataclass(frozen=True)
class Overfit:
    """Can the model memorise a few samples?"""

    trials: tuple[Trial, ...] = ()

    def panels(self) -> tuple[Panel, ...]:
        """The verdicts in a table, and the curve of every attempt."""
        return (_table(self.trials), *(_curve(trial) for trial in self.trials if trial.attempts))


def _table(trials: tuple[Trial, ...]) -> Table:
    rows = tuple((t.samples, t.verdict, t.start, _lowest(t), t.floor, t.best.optimizer if t.best else None, t.reason) for t in trials)
    columns = ("samples", "verdict", "loss at the start", "lowest", "floor", "best with", "why")
    return Table("can a few samples be memorised?", columns, rows)


def _lowest(trial: Trial) -> float | None:
    finite = [loss for attempt in trial.attempts for loss in attempt.losses if math.isfinite(loss)]
    return min(finite, default=None)


def _curve(trial: Trial) -> Curve:
    longest = max((attempt.steps for attempt in trial.attempts), key=len)
    series = {a.optimizer: (*a.losses, *([math.nan] * (len(longest) - len(a.losses)))) for a in trial.attempts}
    floor = "" if trial.floor is None else f"; it cannot fall below {trial.floor:.3g}"
    return Curve(
        f"{trial.samples} {'sample' if trial.samples == 1 else 'samples'}: {trial.verdict}",
        series,
        x=tuple(float(step) for step in longest),
        y_label="loss",
        log_y=all(loss > 0 for values in series.values() for loss in values if not math.isnan(loss)),
        caption=f"trained again and again on the same samples{floor}",
    )
