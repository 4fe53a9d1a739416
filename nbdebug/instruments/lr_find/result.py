"""A learning rate with its band, and what it was read from: sweeps, short trainings, the groups of the optimizers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nbdebug.page import Panel

ROUNDING = 1e-6  # of the loss, an order above that of float32: two descents that are nearer to each other are the same


@dataclass(frozen=True)
class Sweep:
    """One pass from the lowest rate to the highest, an update a rate."""

    repeat: int  # 0-based; each has batches and random numbers of its own
    rates: tuple[float, ...]  # of the group with the highest rate
    losses: tuple[float, ...]  # of the next batch, after the update at each rate; the last may be NaN or Inf
    start: float  # mean loss of these batches with the weights as they are
    excess: tuple[float, ...]  # each loss less what its batch costs with the weights as they are; smoothed
    stopped: str = ""  # why it ended before the highest rate
    diverges_from: float | None = None  # the lowest rate after which the loss was never again below its start

    @property
    def lowest(self) -> float | None:
        """The rate at which the smoothed excess is lowest."""
        finite = [(e, r) for e, r in zip(self.excess, self.rates, strict=True) if math.isfinite(e)]
        return min(finite)[1] if finite else None


@dataclass(frozen=True)
class Trial:
    """A short training at one rate, from the weights as they are, on the batches of its repeat."""

    repeat: int
    rate: float
    steps: int  # updates; fewer than the others had where it diverged
    loss: float | None  # mean over its last third; None when it diverged
    still: float  # mean loss of the same batches with the weights as they are
    error: float = 0.0  # standard error of the difference
    said: str = ""  # how it diverged

    @property
    def descent(self) -> float:
        """How far the loss came down, in loss units; negative when it rose."""
        return -math.inf if self.loss is None else self.still - self.loss

    @property
    def gain(self) -> float:
        """The descent without what may be rounding. Of two rates with the same gain the lower is better: nothing is won by the other."""
        step = ROUNDING * abs(self.still)
        return self.descent - math.remainder(self.descent, step) if step and math.isfinite(self.descent) else self.descent


@dataclass(frozen=True)
class GroupRate:
    """A parameter group of an optimizer, and the rate suggested for it."""

    optimizer: str  # "Adam", with its number where there are several
    group: int
    parameters: int  # elements
    rate: float  # as it stands
    peak: float  # the highest that a scheduler is known to go to; as it stands without one
    suggestion: float | None = None


@dataclass(frozen=True)
class Asked:
    """The options, as they were given."""

    min_lr: float
    max_lr: float
    num_steps: int
    repeats: int


@dataclass(frozen=True)
class LrFind:
    """A learning rate to begin with. Rates are those of the group with the highest; the others keep their ratio."""

    suggestion: float | None = None  # None where the measurement supports none; `reason` says why
    low: float | None = None  # the band: over all repeats, the rates that got nearly as far
    high: float | None = None
    reason: str = "nothing was measured yet"
    rate: float | None = None  # the user's own, as it stands
    peak: float | None = None  # the same at the top of its schedule
    per_group: tuple[GroupRate, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    trials: tuple[Trial, ...] = ()
    own: tuple[Trial, ...] = ()  # at the user's own rate
    scheduled: bool = False  # a scheduler moves the rate
    trained: bool = False  # the optimizers have made steps already
    asked: Asked | None = None
    limits: tuple[str, ...] = ()  # what the suggestion does not rest on, in sentences
    settled: bool = False  # the measurement is over

    def panels(self) -> tuple[Panel, ...]:
        """What was found in a sentence, the sweep, the short trainings, the groups."""
        from nbdebug.instruments.lr_find.panels import panels

        return panels(self)

    @property
    def diverges_from(self) -> float | None:
        """The lowest rate from which a sweep diverged; None when none did."""
        return min((s.diverges_from for s in self.sweeps if s.diverges_from is not None), default=None)
