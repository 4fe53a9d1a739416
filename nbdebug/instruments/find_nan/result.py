"""How far a training went before something was not finite, where that was born, and how it is laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nbdebug.nonfinite.origin import Origin, Values
from nbdebug.page import Panel

MOST = 1000  # points of a curve that are kept; a screen shows no more


@dataclass(frozen=True)
class FindNan:
    """A training, watched until the first value that is not finite and that matters."""

    steps: int  # that were trained and were finite
    asked: int | None  # how many were wanted; None over a loop of the user's own
    origin: Origin | None  # None: all was finite
    losses: tuple[float, ...]  # of each step, in loss units; the last is that of the step that tripped
    gradient_norms: tuple[float | None, ...]  # of each step, unscaled; None where there was no backward pass, or it was not finite
    skipped: tuple[int, ...]  # steps that a GradScaler skipped, which is normal
    weights_before: tuple[Values, ...] = ()  # the last healthy values: the parameters nearest to the birth, before that step
    reproduced: bool | None = None  # whether the step, repeated, tripped with the same bits; None: not repeated
    capsule: str = ""  # the file, when one was written
    unexplained: str = ""  # why the place could not be found, when it tripped and origin is coarse
    every: int = 1  # steps between two points of `losses` and `gradient_norms`, but for the last
    notes: tuple[str, ...] = ()  # what was decided for the training, such as when its schedulers step
    vanishing: tuple[Vanishing, ...] = ()  # what a half-precision format loses, measured beside float32

    def panels(self) -> tuple[Panel, ...]:
        """The loss until then, the way of the bad value, what met at its birth, the last healthy values."""
        from nbdebug.instruments.find_nan.panels import panels

        return panels(self)


@dataclass(frozen=True)
class Vanishing:
    """Numbers of one parameter that are zero in a half-precision format, and are not in float32."""

    parameter: str
    what: str  # "gradient" or "update"
    dtype: str  # "float16"
    lost: float  # share of the elements that are not zero in float32
    largest: float  # of the lost ones, in float32


def thinned(values: Sequence[float | None]) -> tuple[tuple[float | None, ...], int]:
    """At most about `MOST` of the values, evenly and with the last, and the steps between two of them."""
    every = -(-len(values) // MOST) or 1
    kept = tuple(values[::every])
    return kept if not values or (len(values) - 1) % every == 0 else (*kept, values[-1]), every
