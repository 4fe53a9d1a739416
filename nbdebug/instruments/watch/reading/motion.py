"""How far the weights of each parameter group move at a step, beside their own size and beside their gradients."""

from __future__ import annotations

import functools
import math
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from nbdebug.curve_shapes import middle
from nbdebug.findings import Location
from nbdebug.instruments.watch.result import Group, Optimizer, TensorTrack, Track, WatchResult

RISEN = 1.5  # times its first value, to which a scheduler brought a learning rate that it is to answer for; our choice
WARM = 0.2  # of its peak, where a warm-up begins; our choice
PEAKED = ("OneCycleLR", "CyclicLR")  # schedules that are told the peak themselves; others multiply the rate of the optimizer
RANGE = 100.0  # times, by which a learning rate grows in a range test; our choice


@dataclass(frozen=True)
class Motion:
    """A parameter group at the sampled steps; norms over all its parameters that get gradients."""

    optimizer: Optimizer
    number: int  # of the group
    elements: int
    steps: tuple[int, ...]
    updates: tuple[float, ...]
    weights: tuple[float, ...]  # after the step
    gradients: tuple[float, ...]  # as the optimizer got them
    place: Location  # of the step() call, with the group

    @property
    def group(self) -> Group:
        return self.optimizer.groups[self.number]

    @functools.cached_property
    def ratios(self) -> list[float]:
        """Norm of the update over that of the weights before it (after it, where the step before was not sampled)."""
        before = [self.weights[0], *self.weights[:-1]]
        known = [self.steps[0], *self.steps[:-1]]
        return [
            u / (old if step - since <= 1 and old > 0 else new)
            for u, old, new, step, since in zip(self.updates, before, self.weights, self.steps, known, strict=True)
            if new > 0
        ]

    @functools.cached_property
    def ratio(self) -> float:
        if self.ratios and len(self.ratios) == len(self.steps):
            return over_steps(self.steps, self.ratios)
        return middle([r for r in self.ratios if math.isfinite(r)])

    @property
    def gradient(self) -> float:
        """Root mean square of one element of the gradient."""
        return middle([g for g in self.gradients if math.isfinite(g)]) / math.sqrt(self.elements)

    def set_at(self, result: WatchResult, *settings: str) -> Location:
        """Where a setting of the group or of the optimizer stands, or it is built; else its step."""
        own = [f"{self.number}.{setting}" for setting in settings]
        return set_at(result, self.optimizer.name, self.place, *own, *settings)

    @property
    def label(self) -> str:
        return f"{self.optimizer.name}, group {self.number}"


def over_steps(steps: Sequence[int], values: Sequence[float]) -> float:
    """The middle one of the finite values, where each stands for the steps until the next look; there may be a look more than values."""
    gaps = [after - step for step, after in zip(steps, steps[1:], strict=False)]
    gaps += gaps[-1:] or [1]
    known = sorted((value, gap) for value, gap in zip(values, gaps, strict=False) if math.isfinite(value))
    half, passed = sum(gap for _, gap in known) / 2, 0.0
    for at, (value, gap) in enumerate(known):
        passed += gap
        if passed > half:
            return value
        if passed == half:
            return (value + known[at + 1][0]) / 2
    return middle([])


_latest: tuple[weakref.ref[WatchResult], tuple[Motion, ...]] | None = None  # many checks ask about the same result


def motions(result: WatchResult) -> tuple[Motion, ...]:
    """Every group of every optimizer that was seen to step."""
    global _latest
    if _latest is None or _latest[0]() is not result:
        _latest = weakref.ref(result), tuple(_motions(result))
    return _latest[1]


def _motions(result: WatchResult) -> Iterator[Motion]:
    known = {(t.what, t.name): t for t in result.tensors if t.what in ("weight", "gradient", "update")}
    for optimizer in result.optimizers:
        for number, group in enumerate(optimizer.groups):
            names = [n for n in group.parameters if all((what, n) in known for what in ("weight", "gradient", "update"))]
            if names:
                yield _motion(result, optimizer, number, known, names)


def moving(result: WatchResult) -> list[Motion]:
    """Those whose updates can be compared with their weights."""
    return [m for m in motions(result) if m.steps and m.ratios]


def usual_place(result: WatchResult, kind: str, who: str | None = None) -> Location:
    """The line that most events of a kind come from."""
    counted: Counter[Location] = Counter()
    for cycle, event in result.events(kind):
        if who is None or event.who == who:
            counted[event.place] += cycle.times
    return counted.most_common(1)[0][0] if counted else Location()


def set_at(result: WatchResult, name: str, otherwise: Location, *settings: str) -> Location:
    """The line on which a setting of an optimizer, a loader or a model stands, or that builds it; or this place, whose detail it keeps."""
    built = result.built_at(name, *settings)
    return otherwise if built is None else replace(built, detail=otherwise.detail)


def rates(result: WatchResult, motion: Motion) -> Track | None:
    """The learning rate of a group over the steps."""
    several = len(motion.optimizer.groups) > 1
    own = f"learning rate {motion.label}" if several else f"learning rate {motion.optimizer.name}"
    return result.tracks.get(own) or result.tracks.get("learning rate")


def highest_rate(result: WatchResult, motion: Motion) -> float:
    """Of a group over all steps."""
    track = rates(result, motion)
    return max([*(track.finite() if track is not None else ()), motion.group.lr])


def place_of_rate(result: WatchResult, motion: Motion) -> Location:
    """Where the scheduler that raised the rate is built, else the line that sets it; what only warms up leads to the rate that was set."""
    track = rates(result, motion)
    known = track.finite() if track is not None else []
    own = [s for s in result.schedulers if s.optimizer == motion.optimizer.name]
    peak = next((step for step, rate in zip(track.steps, track.values, strict=True) if rate == max(known)), 0) if track is not None and known else 0
    warms_up = bool(known) and known[0] <= WARM * max(known) and peak <= result.steps / 2
    raised = [s.name for s in own if known and max(known) > RISEN * known[0] and (s.kind in PEAKED or not warms_up)]
    return next((set_at(result, name, motion.place, "max_lr") for name in raised if result.built_at(name)), motion.set_at(result, "lr"))


def is_range_test(result: WatchResult, motion: Motion) -> bool:
    """Whether the learning rate grows by the same factor at every step, to the end: one looks for where it is too high."""
    track = rates(result, motion)
    known = [v for v in track.finite() if v > 0] if track is not None else []
    if track is None or len(known) < 10 or known[-1] < RANGE * known[0] or track.steps[-1] < result.steps - 2:
        return False
    factors = [b / a for a, b in zip(known, known[1:], strict=False)]
    return min(factors) > 1 and max(factors) < 1.5 * min(factors)


def times(ratio: float) -> str:
    """A factor in words."""
    return f"{ratio:.2g} times" if ratio < 1e4 else f"{ratio:.1e} times"


def _motion(
    result: WatchResult, optimizer: Optimizer, number: int, known: dict[tuple[str, str], TensorTrack], names: list[str]
) -> Motion:
    weights = [known["weight", name] for name in names]
    sizes = [t.elements for t in weights]
    updates = _norms([known["update", name] for name in names], sizes)
    of_weights = _norms(weights, sizes)
    gradients = _norms([known["gradient", name] for name in names], [known["gradient", name].elements for name in names])
    steps = tuple(s for s in updates if s in of_weights)
    place = replace(usual_place(result, "step", optimizer.name), detail=f"{optimizer.name}, group {number}")
    return Motion(
        optimizer, number, sum(sizes), steps, tuple(updates[s] for s in steps), tuple(of_weights[s] for s in steps),
        tuple(gradients.get(s, math.nan) for s in steps), place,
    )  # fmt: skip


def _norms(tracks: Iterable[TensorTrack], sizes: list[int]) -> dict[int, float]:
    """Step → norm over all of them together."""
    squares: dict[int, float] = {}
    for track, elements in zip(tracks, sizes, strict=True):
        for step, rms in zip(track.steps, track.rms, strict=True):
            squares[step] = squares.get(step, 0.0) + min(rms, 1e150) ** 2 * elements
    return {step: math.sqrt(square) for step, square in sorted(squares.items())}
