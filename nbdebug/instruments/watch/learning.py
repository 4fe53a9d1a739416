"""Whether a training learns at all: its loss beside what it began with, and beside what a constant prediction gets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug.instruments.watch import curve_shapes
from nbdebug.instruments.watch.curves import LOSS, VALIDATION
from nbdebug.instruments.watch.result import Track, WatchResult

MATCHES = 0.02  # relative difference up to which a loss function's value is the loss; our choice: a weight of 0.98 may pass
NEAR = 0.95  # of what a constant prediction gets, that a loss must pass to have learnt something; our choice: its own error is 2 %
ABOVE = 1.25  # times that loss, up to which it is a constant prediction that is seen; our choice: steps make it waver


@dataclass(frozen=True)
class Loss:
    """A loss that is descended."""

    track: Track
    optimizers: tuple[str, ...]
    alone: bool  # the only one: where several losses play against each other, a rise means nothing
    constant: float | None  # what the best constant prediction gets, if this is the value of one known loss function

    @property
    def values(self) -> list[float]:
        return self.track.finite()

    @property
    def ordered(self) -> bool:
        """Whether lower is better and zero the bottom, so that levels can be compared."""
        return self.alone and min(self.values, default=-1.0) >= 0

    def at_constant(self, share: float = 0.5) -> bool:
        """Whether over the last part it stood at, or above, what a constant prediction gets."""
        return self.constant is not None and curve_shapes.end(self.values, share) >= NEAR * self.constant

    def knows_a_constant(self) -> bool:
        """Whether it ended where a constant prediction stands, and not far above it."""
        return self.constant is not None and NEAR <= curve_shapes.end(self.values, 0.5) / max(self.constant, 1e-12) <= ABOVE

    def nonfinite_since(self) -> int | None:
        """The step from which on it is not finite, to the end; None when it is finite, or came back."""
        track = self.track
        first = next((i for i, (v, h) in enumerate(zip(track.values, track.high, strict=True)) if not math.isfinite(v + h)), None)
        if first is None:
            return None
        after = track.values[first:]
        return track.steps[first] if sum(not math.isfinite(v) for v in after) >= 0.9 * len(after) else None

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
        yield Loss(track, optimizers, alone, _constant(result, track) if alone else None)


def learns_in_validation(result: WatchResult, loss: Loss) -> bool:
    """Whether without dropout and the like it is better than a constant prediction after all."""
    seen = result.tracks.get(VALIDATION)
    return bool(loss.constant is not None and seen is not None and len(seen) and min(seen.values) < 0.9 * loss.constant)


def only_loss(result: WatchResult) -> Loss | None:
    """The loss, if there is one alone."""
    found = list(losses(result))
    return found[0] if len(found) == 1 else None


def _constant(result: WatchResult, track: Track) -> float | None:
    """Of the one loss function whose values are those that were descended."""
    if len(result.constants) != 1:
        return None
    descended = dict(zip(track.steps, track.values, strict=True))
    pairs = [(value, descended[step]) for step, value in result.constants[0].values if step in descended]
    close = [math.isclose(value, loss, rel_tol=MATCHES) or not math.isfinite(loss) for value, loss in pairs]
    if not close:
        return None
    by_step: dict[int, int] = {}
    for step, _ in result.constants[0].values:
        by_step[step] = by_step.get(step, 0) + 1
    if max(by_step.values()) > 1:  # accumulated: the mean of a step's calls is what was descended
        return result.constants[0].loss if _same_mean(pairs) else None
    return result.constants[0].loss if sum(close) >= 0.9 * len(close) else None


def _same_mean(pairs: list[tuple[float, float]]) -> bool:
    of_calls, of_steps = (sum(p[i] for p in pairs) / len(pairs) for i in (0, 1))
    return math.isclose(of_calls, of_steps, rel_tol=5 * MATCHES)
