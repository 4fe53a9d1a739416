"""How low free numbers bring a loss: by Adam, as a training would, then by a quasi-Newton search that knows no scale."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from nbdebug.errors import NotChecked

ROUNDS, ITERATIONS = 6, 12  # of LBFGS; our choice: cross-entropy of ten samples is below 1e-4 in two rounds
SETTLED = 0.02  # of the way so far; a round that brings less is the last
RELATIVE_STEPS, CAUTIOUS = 0.05, 0.002  # of the spread of the predictions, a step of Adam; and where the loss is steep
STEPS, DRAWS = 100, 16  # of Adam; losses that are averaged where something is drawn
NEAR = 0.5  # of the way that Adam must come by itself: what is reached by far leaps alone has no floor, or none that a training finds
NOTHING = 1e-3  # of the loss; free numbers that bring it down by less say nothing


class Free(Protocol):
    """A step in which some numbers are free."""

    bases: list[Tensor]

    def loss(self, seed: int | None = 0) -> Tensor: ...

    def gradients(self, loss: Tensor) -> list[Tensor]: ...


def lowest(free: Free) -> float:
    """The lowest loss that free predictions reach, always with the same random numbers.

    Raises:
        NotChecked: it has no lowest value, or free numbers cannot bring it down at all.
    """
    start = _value(free)
    near = best = min(start, by_adam(free, STEPS, fixed=True))
    for _ in range(ROUNDS):
        before, best = best, min(best, _round(free, best))
        if before - best <= SETTLED * (start - best):
            break
    if start - best < NOTHING * abs(start):
        raise NotChecked("free numbers bring it no lower than the model does")
    if start - near < NEAR * (start - best):
        raise NotChecked(f"free numbers bring it to {best:.3g} and below, but only far from where they are now")
    if best < 0.0 and by_adam(free, STEPS, fixed=True, pace=CAUTIOUS) < best - SETTLED * (start - best):
        raise NotChecked(f"free numbers bring it to {best:.3g}, and it goes on falling")
    return best


def fixed_lowest(free: Free) -> float:
    """The mean loss of the best predictions that do not know what is drawn.

    Raises:
        NotChecked: none is better than those the model gives now.
    """
    with torch.no_grad():
        start = sum(float(free.loss(seed)) for seed in range(DRAWS)) / DRAWS
    found = by_adam(free, STEPS, fixed=False)
    if not found < start - NOTHING * abs(start):
        raise NotChecked("something is drawn anew at each step, and predictions that do not know what are no better")
    return found


def _round(free: Free, best: float) -> float:
    lowest_seen = [best]
    search = torch.optim.LBFGS(free.bases, max_iter=ITERATIONS, history_size=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        loss = free.loss()
        for base, gradient in zip(free.bases, free.gradients(loss), strict=True):
            base.grad = gradient
        if math.isfinite(value := float(loss.detach())):
            lowest_seen.append(value)
        return loss.detach()

    try:
        search.step(closure)
    except IndexError:  # torch's line search, where it finds no bracket between values that are not finite
        raise NotChecked("the line search gives up on it") from None
    if any(not bool(base.isfinite().all()) for base in free.bases):
        raise NotChecked("free numbers run away on it")
    return min(lowest_seen)


def by_adam(free: Free, steps: int, *, fixed: bool, pace: float = RELATIVE_STEPS) -> float:
    """The loss at the end of so many steps: the lowest of them, or a mean over draws."""
    spread = max(float(torch.cat([base.detach().flatten() for base in free.bases]).std(correction=0)), 1.0)
    search = torch.optim.Adam(free.bases, lr=pace * spread)
    seen = []
    for step in range(steps):
        loss = free.loss(0 if fixed else step)
        seen.append(float(loss.detach()))
        for base, gradient in zip(free.bases, free.gradients(loss), strict=True):
            base.grad = gradient
        search.step()
    if fixed:
        return min((value for value in seen if math.isfinite(value)), default=math.inf)
    with torch.no_grad():
        return sum(float(free.loss(steps + draw)) for draw in range(DRAWS)) / DRAWS


def _value(free: Free) -> float:
    with torch.no_grad():
        return float(free.loss())
