"""Short trainings beside each other, as it is and with one thing changed, and how they are laid out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nbdebug.findings import Location
from nbdebug.page import Curve, Note, Panel, Table

AS_IT_IS, CLIPPED, SLOWER, UNDECAYED, UNMASKED = "as it is", "clipped at 1", "a tenth of the learning rate", "no weight decay", "no dropout"
PARTED = "a layer of its own for each name"
JOINED = "an optimizer that holds them too"
LATE = 1 / 3  # of a training, the end that is compared
LEARNED = 0.05  # of the first loss, below which a training was not kept from learning; our choice
LEARNS = 0.9  # of the first loss, that a training comes below which learns at all; our choice


@dataclass(frozen=True)
class Course:
    """One short training, from the weights as they are."""

    changed: str
    losses: tuple[float, ...]  # before each update
    calm: float  # of the first batches after the last update, without dropout
    apart: float | None = None  # of some validation batches then; None where there are none

    @property
    def late(self) -> float:
        """The mean loss of the last third; NaN when it is not finite."""
        last = self.losses[-max(1, round(LATE * len(self.losses))) :]
        return math.fsum(last) / len(last) if last and all(map(math.isfinite, last)) else math.nan

    @property
    def level(self) -> float:
        """Where it stands in the end, by the kinder of both figures; infinite when it is lost."""
        known = [value for value in (self.late, self.calm) if math.isfinite(value)]
        return min(known, default=math.inf)


@dataclass(frozen=True)
class Pair:
    """What a change did, with one order of the batches."""

    without: Course  # as it is
    changed: Course

    @property
    def _learns(self) -> bool:
        """Whether the training learns as it is: where it does not, nothing was changed on purpose for the sake of validation."""
        return self.without.level < LEARNS * self.without.losses[0]

    @property
    def gain(self) -> float:
        """How many times higher the loss is as it is, by the figure that says less."""
        if not math.isfinite(self.changed.late) or not math.isfinite(self.changed.calm):
            return 0.0
        pairs = [(self.without.late, self.changed.late), (self.without.calm, self.changed.calm)]
        if self._learns and self.changed.apart is not None and self.without.apart is not None:  # what only learns its samples by heart sooner is no gain
            pairs.append((self.without.apart, self.changed.apart))
        return min(math.inf if not math.isfinite(high) else high / max(low, 1e-12) for high, low in pairs)


@dataclass(frozen=True)
class Change:
    """One thing that was changed, tried with two orders of the batches."""

    what: str
    was: float  # the rate, the decay, the probability as it is
    location: Location
    pairs: tuple[Pair, ...] = ()
    named: str = ""  # what it was about, where that is no number
    coupled: bool = False  # a decay that goes through the scale of an adaptive optimizer, as in Adam

    @property
    def gain(self) -> float:
        """The smallest of all orders."""
        return min((pair.gain for pair in self.pairs), default=0.0)


@dataclass(frozen=True)
class WhatIf:
    """What one change would do to the first steps of the training."""

    steps: int = 0
    first: float | None = None  # the loss before any update, the mean of the batches
    plain: Course | None = None
    changes: tuple[Change, ...] = ()
    reason: str = ""  # why nothing was tried, or not everything

    def panels(self) -> tuple[Panel, ...]:
        if self.plain is None:
            return (Note("not tried", self.reason or "no training was tried"),)
        tried = [(change, change.pairs[0]) for change in self.changes if change.pairs]
        longest = max((self.plain, *(pair.without for _, pair in tried)), key=lambda course: len(course.losses))
        courses = {AS_IT_IS: longest.losses, **{change.what: pair.changed.losses for change, pair in tried}}
        rows = tuple((change.what, len(pair.changed.losses), pair.without.late, pair.changed.late, change.gain) for change, pair in tried)
        heads = ("what was changed", "steps", "loss as it is", "loss with it", "times lower")
        positive = all(value > 0 for losses in courses.values() for value in losses)
        return (
            Curve("the first steps", courses, y_label="loss", log_y=positive),
            *([Table("with one thing changed", heads, rows)] if rows else []),
        )
