"""What the model and what knows less get on the same samples, and how it is laid out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from nbdebug.page import Curve, Note, Panel, Quiz, Table

NETWORK, BLIND, CONSTANT, POSITIONS, LINEAR = "network", "inputs taken away", "constant", "constant at each position", "linear"
SURE = 2.0  # standard errors from which on a difference is told in the table
SCORES = {"classes": "accuracy", "binary": "accuracy", "numbers": "R²"}


@dataclass(frozen=True)
class Contender:
    """Something that predicts the samples held out."""

    name: str
    kind: str  # one of the five above
    how: str = ""  # what it is, or why there is none
    loss: float | None = None  # the user's, mean over the samples held out; None where it could not be had
    loss_error: float | None = None  # standard error over samples
    score: float | None = None  # accuracy, or R² of quantities
    score_error: float | None = None
    steps: int = 0  # that it was trained
    falls: bool = False  # whether its training loss still came down at the end


@dataclass(frozen=True)
class Difference:
    """One contender against another on the same samples."""

    one: str
    other: str
    loss: float  # of `one` less that of `other`; below zero `one` is better
    loss_error: float
    score: float | None  # of `one` less that of `other`; above zero `one` is better
    score_error: float | None

    def better(self, sure: float) -> bool:
        """Whether `one` is better in loss or score by more than so many standard errors."""
        return self.loss < -sure * self.loss_error or (self.score is not None and self.score_error is not None and self.score > sure * self.score_error)


@dataclass(frozen=True)
class Baselines:
    """Does the model beat what knows nothing of the inputs, and what is linear?"""

    task: str = ""  # "classes", "binary", "numbers", "own" or ""
    loss: str = ""  # "cross_entropy", "your loss"
    held_out: str = ""  # where the samples come from
    samples: int = 0  # held out
    contenders: tuple[Contender, ...] = ()
    differences: tuple[Difference, ...] = ()
    courses: dict[str, tuple[float, ...]] = field(default_factory=dict)  # training → its losses
    limits: tuple[str, ...] = ()  # what was not done, and why
    quiz: Quiz | None = None  # samples to label oneself

    def of(self, kind: str) -> list[Contender]:
        """The contenders of a kind that have a loss."""
        return [c for c in self.contenders if c.kind == kind and c.loss is not None]

    def difference(self, one: Contender, other: Contender) -> Difference | None:
        return next((d for d in self.differences if (d.one, d.other) == (one.name, other.name)), None)

    def beats(self, one: Contender, other: Contender, sure: float) -> bool:
        """Whether it is better in loss or score by more than so many standard errors."""
        found = self.difference(one, other)
        return found is not None and found.better(sure)

    @property
    def network(self) -> Contender | None:
        """The best that the network got: as it is, or trained."""
        return min(self.of(NETWORK), key=lambda c: c.loss if math.isfinite(c.loss or 0.0) else math.inf, default=None)

    def panels(self) -> tuple[Panel, ...]:
        """All contenders, the courses of the trainings, what was not done."""
        shown: list[Panel] = [_table(self)] if self.contenders else []
        if any(len(losses) > 1 for losses in self.courses.values()):
            shown.append(_courses(self.courses))
        if self.quiz is not None:
            shown.append(Note("and you?", f"{len(self.quiz.questions)} of these samples can be labelled by yourself: report.widget()"))
        if self.limits:
            shown.append(Note("what was not done", "\n".join(self.limits)))
        return tuple(shown)


def _table(result: Baselines) -> Table:
    score = SCORES.get(result.task, "")
    network = result.network
    rows = []
    for c in result.contenders:
        ahead = result.difference(network, c) if network is not None and c is not network else None
        rows.append((c.name, c.loss, c.loss_error, *((c.score, c.score_error) if score else ()), _ahead(ahead), c.how))
    columns = ("contender", "loss", "± error", *((score, "± error") if score else ()), "the network is", "how")
    named = "your loss" if result.loss == "your loss" else f"the loss is {result.loss}"
    return Table("does the model beat what knows less?", columns, tuple(rows), f"{result.samples:,} samples of {result.held_out}; {named}")


def _ahead(found: Difference | None) -> str:
    if found is None:
        return "–"
    if found.better(SURE):
        return "better"
    reverse = Difference(found.other, found.one, -found.loss, found.loss_error, None if found.score is None else -found.score, found.score_error)
    return "worse" if reverse.better(SURE) else "no better" if found.loss_error == found.loss_error else "not comparable"


def _courses(courses: dict[str, tuple[float, ...]]) -> Curve:
    places = {name: tuple(map(float, range(len(losses)))) for name, losses in courses.items()}  # some end earlier
    positive = all(v > 0 for losses in courses.values() for v in losses if math.isfinite(v))
    finite = [v for losses in courses.values() for v in losses if math.isfinite(v)]
    log = positive and bool(finite) and max(finite) > 100 * min(finite)
    said = "each from the weights as they are, which were lent"
    return Curve("the short trainings", dict(courses), y_label="training loss", log_y=log, caption=said, own_x=places)
