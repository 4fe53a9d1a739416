"""Whether a training learns at all: its loss beside what it began with, and beside what a constant prediction gets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug import curve_shapes
from nbdebug.errors import NotChecked
from nbdebug.instruments.watch.curves import LOSS, VALIDATION
from nbdebug.instruments.watch.result import Constant, Model, Track, WatchResult

NEAR = 0.95  # of what a constant prediction gets, that a loss must pass to have learnt something; our choice: targets seen late in a long run vary by 2 %
MANY = 20  # values from which on a loss that did not fall says something; our choice
FEWEST = 5  # calls whose targets are known, from which on they are compared with themselves
ABOVE = 1.25  # times that loss, up to which it is a constant prediction that is seen; our choice: steps make it waver


@dataclass(frozen=True)
class Loss:
    """A loss that is descended."""

    track: Track
    optimizers: tuple[str, ...]
    alone: bool  # the only one: where several losses play against each other, a rise means nothing
    constant: float | None  # what the best constant prediction gets, if this is the value of one known loss function
    beside: tuple[tuple[int, float, float], ...] = ()  # step, loss, and what the constant prediction gets on the same targets

    @property
    def values(self) -> list[float]:
        return self.track.finite()

    @property
    def ordered(self) -> bool:
        """Whether lower is better and zero the bottom, so that levels can be compared."""
        return self.alone and min(self.values, default=-1.0) >= 0

    def over_constant(self, share: float = 0.5) -> float | None:
        """The loss over that of a constant prediction, over the last part; on the same targets where enough are known."""
        if self.constant is None or not self.values:
            return None
        since = self.track.steps[round((1 - share) * (len(self.track) - 1))]
        pairs = [(loss, constant) for step, loss, constant in self.beside if step >= since and math.isfinite(loss)]
        if len(pairs) >= FEWEST:
            return sum(loss for loss, _ in pairs) / max(1e-12, sum(constant for _, constant in pairs))
        return curve_shapes.end(self.values, share) / max(1e-12, self.constant)

    def at_constant(self, share: float = 0.5) -> bool:
        """Whether over the last part it stood at, or above, what a constant prediction gets."""
        over = self.over_constant(share)
        return over is not None and over >= NEAR

    def knows_a_constant(self) -> bool:
        """Whether it ended where a constant prediction stands, and not far above it."""
        over = self.over_constant()
        return over is not None and NEAR <= over <= ABOVE

    def nonfinite_since(self) -> int | None:
        """The step from which on it is not finite, to the end; None when it is finite, or came back."""
        first = curve_shapes.lost_since([mean + high for mean, high in zip(self.track.values, self.track.high, strict=True)])
        return None if first is None else self.track.steps[first]

    def learnt_nothing(self) -> bool:
        """Whether it is no lower than where it began; where it can be told, also not below a constant prediction."""
        if self.constant is not None:
            return self.at_constant()
        return not curve_shapes.fell(self.values)


def losses(result: WatchResult) -> Iterator[Loss]:
    """Every loss of the loop, with what is known of it."""
    tracks = [t for name, t in result.tracks.items() if (name == LOSS or name.startswith(f"{LOSS} of ")) and len(t)]
    alone = len(tracks) == 1
    for track in tracks:
        named = track.name.removeprefix(f"{LOSS} of ").split(", ") if track.name != LOSS else []
        optimizers = tuple(o.name for o in result.optimizers if not named or o.name in named)
        constant = _constant(result, track) if alone else None
        yield Loss(track, optimizers, alone, constant.loss if constant else None, constant.values if constant else ())


def learns_in_validation(result: WatchResult, loss: Loss) -> bool:
    """Whether without dropout and the like it is better than a constant prediction after all."""
    seen = result.tracks.get(VALIDATION)
    return bool(loss.constant is not None and seen is not None and len(seen) and min(seen.values) < 0.9 * loss.constant)


def only_loss(result: WatchResult) -> Loss | None:
    """The loss, if there is one alone."""
    found = list(losses(result))
    return found[0] if len(found) == 1 else None


def has_fallen(loss: Loss) -> bool:
    """Whether it is lower at its end than at its beginning, by more than its noise and a tenth; or has too few values to say."""
    values = loss.values
    if len(values) < MANY:
        return True
    least = max(0.1 * abs(curve_shapes.middle(values[:5])), curve_shapes.SURE * curve_shapes.error(values, 5))
    return curve_shapes.fell(values) or curve_shapes.middle(values[:5]) - curve_shapes.end(values) > least


def demand_loss(result: WatchResult, steps: int) -> Loss:
    """The one loss of the loop.

    Raises:
        NotChecked: there are several, or fewer steps than that were seen.
    """
    loss = only_loss(result)
    if loss is None:
        raise NotChecked("because there is not one loss alone: several play against each other, or none was descended")
    if len(loss.values) < steps:
        raise NotChecked(f"because {len(loss.values)} steps with a finite loss were seen, and {steps} are needed")
    return loss


def demand_ordered(result: WatchResult) -> Loss:
    """The one loss of the loop, whose levels can be compared.

    Raises:
        NotChecked: there are several, or it goes below zero.
    """
    loss = only_loss(result)
    if loss is None:
        raise NotChecked("because there is not one loss alone: several play against each other, or none was descended")
    if not loss.ordered:
        raise NotChecked("because the loss goes below zero, so that its level says nothing")
    return loss


def trained_model(result: WatchResult) -> Model | None:
    """The model that was trained, if there is one alone."""
    found = [model for model in result.models if model.held]
    return found[0] if len(found) == 1 else None


def beside(loss: Loss) -> str:
    """What a constant prediction would get, as the end of a sentence."""
    return f", where the best constant prediction gets {loss.constant:.3g}" if loss.constant is not None else ""


def _constant(result: WatchResult, track: Track) -> Constant | None:
    """Of the one loss function whose values are those that were descended."""
    if len(result.constants) != 1:
        return None
    known = result.constants[0]
    return known if curve_shapes.is_made_of(track.steps, track.values, known.values) else None
