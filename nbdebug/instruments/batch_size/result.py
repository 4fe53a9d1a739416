"""What each batch size costs, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.page import Panel

FITS = "fits"
NO_MARGIN = "fits, without a margin"
OUT_OF_MEMORY = "out of memory"
NOT_TRIED = "not tried: more than the limit"
RAISED = "raised"
NEARLY = 0.05  # slower than the fastest: not worth a larger batch; our choice


@dataclass(frozen=True)
class Size:
    """One batch size."""

    samples: int
    outcome: str  # FITS, NO_MARGIN, OUT_OF_MEMORY, NOT_TRIED or RAISED
    needed: float | None = None  # bytes at the peak of a step, all that the training holds included; None when it is not known
    predicted: bool = False  # whether those bytes are extrapolated from smaller sizes
    seconds: float | None = None  # a step, the median; None when there was no time to repeat it
    low: float | None = None  # the middle half of the repetitions
    high: float | None = None
    repeats: int = 0
    why: str = ""  # what was raised
    walking: float | None = None  # bytes at the peak of forward and backward
    updating: float | None = None  # and of the update; `needed` is the larger of both

    @property
    def rate(self) -> float | None:
        """Samples a second."""
        return self.samples / self.seconds if self.seconds else None


@dataclass(frozen=True)
class Rate:
    """What the learning rate of a parameter group becomes with a batch `times` as large."""

    group: str  # "SGD, group 0"
    rule: str  # "linear", "square root" or "none known"
    now: float
    samples: int  # the new batch size
    times: float
    then: float | None  # None: no rule is known
    others: str = ""  # what else the rule asks for, "betas=(0.8, 0.996), eps=7.07e-09"; a sentence where it cannot say
    call: str = ""  # the optimizer with these, to be pasted


@dataclass(frozen=True)
class Accumulated:
    """A wanted batch made of several."""

    wanted: int
    samples: int  # of each part
    steps: int
    left_over: int  # samples by which the parts together are larger than wanted
    code: str
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class BatchSizes:
    """Which batch fits, and which is the fastest per sample."""

    own: int | None = None  # samples in the loader's batch
    limit: float | None = None  # bytes
    limit_from: str = ""  # where the limit comes from, in words
    margin: float = 0.0  # share of the limit that stays free
    held: float | None = None  # bytes of weights, buffers and optimizer state
    sizes: tuple[Size, ...] = ()  # by size
    ended: str = ""  # why no larger one was tried
    how: str = ""  # how batches of other sizes were made
    rates: tuple[Rate, ...] = ()
    accumulated: Accumulated | None = None
    notes: tuple[str, ...] = ()

    @property
    def largest(self) -> Size | None:
        """The largest that was run and leaves the margin."""
        return max((s for s in self.sizes if s.outcome == FITS), key=lambda size: size.samples, default=None)

    @property
    def bounded(self) -> bool:
        """Whether memory is what ends the row; else larger ones may fit."""
        return any(s.outcome in (NO_MARGIN, OUT_OF_MEMORY, NOT_TRIED) for s in self.sizes)

    @property
    def fastest(self) -> Size | None:
        """The most samples a second, among those that leave the margin."""
        timed = [s for s in self.sizes if s.outcome == FITS and s.rate]
        return max(timed, key=lambda size: size.rate or 0.0, default=None)

    @property
    def enough(self) -> Size | None:
        """The smallest that is nearly as fast as the fastest."""
        best = self.fastest
        if best is None:
            return None
        alike = (s for s in self.sizes if s.outcome == FITS and (s.rate or 0.0) >= (1 - NEARLY) * (best.rate or 0.0))
        return min(alike, key=lambda size: size.samples, default=best)

    def panels(self) -> tuple[Panel, ...]:
        """The answer, the row of sizes, the curves, what to do with the learning rate, and code to paste."""
        from nbdebug.instruments.batch_size.panels import panels

        return tuple(panels(self))
