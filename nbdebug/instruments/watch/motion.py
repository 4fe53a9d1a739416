"""How far the weights of each parameter group move at a step, beside their own size and beside their gradients."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from nbdebug.findings import Location
from nbdebug.instruments.watch.curve_shapes import middle
from nbdebug.instruments.watch.result import Group, Optimizer, TensorTrack, Track, WatchResult


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

    @property
    def ratios(self) -> list[float]:
        """Norm of the update over that of the weights before it (after it, where the step before was not sampled)."""
        before = [self.weights[0], *self.weights[:-1]]
        known = [self.steps[0], *self.steps[:-1]]
        return [
            u / (old if step - since <= 1 and old > 0 else new)
            for u, old, new, step, since in zip(self.updates, before, self.weights, self.steps, known, strict=True)
            if new > 0
        ]

    @property
    def ratio(self) -> float:
        return middle([r for r in self.ratios if math.isfinite(r)])

    @property
    def gradient(self) -> float:
        """Root mean square of one element of the gradient."""
        return middle([g for g in self.gradients if math.isfinite(g)]) / math.sqrt(self.elements)

    @property
    def label(self) -> str:
        return f"{self.optimizer.name}, group {self.number}"


def motions(result: WatchResult) -> Iterator[Motion]:
    """Every group of every optimizer that was seen to step."""
    known = {(t.what, t.name): t for t in result.tensors if t.what in ("weight", "gradient", "update")}
    for optimizer in result.optimizers:
        for number, group in enumerate(optimizer.groups):
            names = [n for n in group.parameters if all((what, n) in known for what in ("weight", "gradient", "update"))]
            if names:
                yield _motion(result, optimizer, number, known, names)


def step_place(result: WatchResult, optimizer: str, kind: str = "step") -> Location:
    """The line that most of its steps (or clips) come from."""
    counted: Counter[Location] = Counter()
    for cycle, event in result.events(kind):
        if event.who == optimizer:
            counted[event.place] += cycle.times
    return counted.most_common(1)[0][0] if counted else Location()


def rates(result: WatchResult, motion: Motion) -> Track | None:
    """The learning rate of a group over the steps."""
    several = len(motion.optimizer.groups) > 1
    own = f"learning rate {motion.label}" if several else f"learning rate {motion.optimizer.name}"
    return result.tracks.get(own) or result.tracks.get("learning rate")


def _motion(
    result: WatchResult, optimizer: Optimizer, number: int, known: dict[tuple[str, str], TensorTrack], names: list[str]
) -> Motion:
    weights = [known["weight", name] for name in names]
    sizes = [t.elements for t in weights]
    updates = _norms([known["update", name] for name in names], sizes)
    of_weights = _norms(weights, sizes)
    gradients = _norms([known["gradient", name] for name in names], [known["gradient", name].elements for name in names])
    steps = tuple(s for s in updates if s in of_weights)
    place = replace(step_place(result, optimizer.name), detail=f"{optimizer.name}, group {number}")
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
