"""The derivative of the loss along one direction, measured, beside the one that backward gave.

Two witnesses: the central difference (f(h) - f(-h)) / 2h, and Taylor's remainder |f(h) - f(0) - h·g·v|, which falls as h² when
the gradient is right and as h when it is wrong (Farrell, Ham, Funke, Rognes, Automated derivation of the adjoint of high-level
transient finite element programs, 2013, section 4). A step h is relative: the direction has the scale of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

AGREES = 1e-5  # relative; two independent numbers do not agree so well by chance
DIFFERS = 1e-4  # relative; our choice: finds one wrong element of ten thousand, sound layers stay below 1e-6 in double precision
PLAIN = 1e-3  # relative; a difference of this size that two steps agree on is looked at no further
CERTAIN = 10.0  # a difference counts from ten times the uncertainty of the measured derivative; our choice
ROUNDINGS = 16.0  # roundings of the loss, in units of its last place, that a difference of two losses may carry; our choice
STEPS = (1e-4, 1e-6, 1e-5, 1e-7, 1e-3, 1e-2)  # the order in which they are tried: the first is enough for a smooth loss
SINGLE_STEPS = (1e-2, 3e-2, 1e-3, 1e-1)  # single precision has half the digits
SLOPE_STEPS, SINGLE_SLOPE_STEPS = (1e-4, 1e-3), (1e-2, 1e-1)  # where remainders are taken for their slope
LONGEST = 10.0  # times the weights' size: the farthest that a direction moves a single weight


@dataclass(frozen=True)
class Along:
    """What was measured along one direction, in loss units per relative step."""

    analytic: float  # g·v
    numeric: float  # the central difference that is trusted most
    uncertainty: float  # of the numeric one
    scale: float  # what a difference is compared to
    steps: tuple[float, ...]  # rising
    remainders: tuple[float, ...]  # |f(h) - f(0) - h·g·v|, in loss units
    slope: float | None  # of the remainder over the step; None at rounding level, as for a linear loss
    one_sided: tuple[float, float]  # the derivatives to the left and to the right, at that step
    step: float | None = None  # at which the central difference was taken; None when it did not agree

    @property
    def difference(self) -> float:
        return abs(self.numeric - self.analytic)

    @property
    def error(self) -> float:
        """The difference, relative."""
        return self.difference / self.scale if self.scale > 0 else 0.0

    @property
    def is_flat(self) -> bool:
        """Whether the loss does not change along this direction, as far as can be measured, and backward says so too."""
        return max(abs(self.analytic), abs(self.numeric), self.scale) <= CERTAIN * self.uncertainty

    @property
    def is_wrong(self) -> bool:
        return self.error > DIFFERS and self.difference > CERTAIN * self.uncertainty

    @property
    def is_unclear(self) -> bool:
        """Whether an error of one per cent would have gone unseen."""
        return not self.is_wrong and not self.is_flat and CERTAIN * self.uncertainty > 0.1 * self.scale and self.error > AGREES

    @property
    def has_kink(self) -> bool:
        """Whether the derivatives to both sides differ."""
        left, right = self.one_sided
        return abs(left - right) > max(DIFFERS * 10 * self.scale, 2 * CERTAIN * self.uncertainty)


def along(
    loss: Callable[[float], float], at_zero: float, analytic: float, scale: float, *, epsilon: float, first: float | None = None
) -> Along:
    """Measures the derivative of `loss(h)` at h = 0, with as few evaluations as it takes to agree.

    Args:
        loss: the loss at a relative step.
        at_zero: the loss at step 0.
        analytic: the derivative that backward gives.
        scale: the least that a difference is compared to, such as the size of g·v for a typical direction v.
        epsilon: the relative rounding of the precision in use.
        first: the step to begin with, such as one that was right for another direction.
    """
    ladder = STEPS if epsilon < 1e-10 else SINGLE_STEPS
    ladder = ladder if first is None else (first, *(h for h in ladder if h != first))
    agrees = AGREES if epsilon < 1e-10 else 1e-3
    values: dict[float, tuple[float, float]] = {}
    rounding = {h: ROUNDINGS * epsilon * max(abs(at_zero), 1e-300) / h for h in ladder}
    for h in ladder:
        values[h] = loss(-h), loss(h)
        if not all(map(math.isfinite, values[h])):
            del values[h]
            continue
        numeric = _central(values[h], h)
        size = max(scale, abs(numeric))
        if abs(numeric - analytic) <= agrees * size and rounding[h] <= agrees * size:
            found = _told(values, numeric, max(rounding[h], abs(numeric - analytic)), at_zero, analytic, size, epsilon)
            return replace(found, step=h)
        trusted, doubt = _most_trusted(values, rounding)
        if abs(trusted - analytic) > max(PLAIN * size, CERTAIN**2 * doubt):  # more steps would not change that
            break
    numeric, uncertainty = _most_trusted(values, rounding)
    return _told(values, numeric, uncertainty, at_zero, analytic, max(scale, abs(numeric)), epsilon)


def with_slope(found: Along, loss: Callable[[float], float], at_zero: float, *, epsilon: float) -> Along:
    """The same with the remainders that a slope is told by, where they are missing."""
    known = dict(zip(found.steps, found.remainders, strict=True))
    for h in SLOPE_STEPS if epsilon < 1e-10 else SINGLE_SLOPE_STEPS:
        if h not in known:
            known[h] = abs(loss(h) - at_zero - h * found.analytic)
    steps = tuple(sorted(known))
    remainders = tuple(known[h] for h in steps)
    return replace(found, steps=steps, remainders=remainders, slope=remainder_slope(steps, remainders, floor(at_zero, epsilon)))


def remainder_slope(steps: tuple[float, ...], remainders: tuple[float, ...], rounding: float) -> float | None:
    """Least-squares slope of log remainder over log step, of the three smallest steps whose remainder is above rounding."""
    points = [(math.log(h), math.log(r)) for h, r in zip(steps, remainders, strict=True) if math.isfinite(r) and r > rounding][:3]
    if len(points) < 2:
        return None
    middle = sum(x for x, _ in points) / len(points)
    return sum((x - middle) * y for x, y in points) / sum((x - middle) ** 2 for x, _ in points)


def floor(at_zero: float, epsilon: float) -> float:
    """What is rounding and no remainder, in loss units."""
    return ROUNDINGS * epsilon * abs(at_zero)


def _central(pair: tuple[float, float], h: float) -> float:
    return (pair[1] - pair[0]) / (2 * h)


def _most_trusted(values: dict[float, tuple[float, float]], rounding: dict[float, float]) -> tuple[float, float]:
    """The central difference that changes least from one step to the next, and by how much it does."""
    if not values:
        return math.nan, math.inf
    steps = sorted(values)
    best = (_central(values[steps[0]], steps[0]), math.inf)
    for small, large in zip(steps, steps[1:], strict=False):
        numeric = _central(values[small], small)
        uncertainty = abs(numeric - _central(values[large], large)) + rounding[small]
        best = min(best, (numeric, uncertainty), key=lambda found: found[1])
    return best


def _told(
    values: dict[float, tuple[float, float]], numeric: float, uncertainty: float,
    at_zero: float, analytic: float, scale: float, epsilon: float,
) -> Along:  # fmt: skip
    steps = tuple(sorted(values))
    remainders = tuple(abs(values[h][1] - at_zero - h * analytic) for h in steps)
    slope = remainder_slope(steps, remainders, floor(at_zero, epsilon))
    h = min(values, key=lambda h: abs(_central(values[h], h) - numeric)) if values else math.nan
    sides = ((at_zero - values[h][0]) / h, (values[h][1] - at_zero) / h) if values else (math.nan, math.nan)
    return Along(analytic, numeric, uncertainty, scale, steps, remainders, slope, sides)


def most_wrong(off: Callable[[torch.Tensor], float], count: int) -> torch.Tensor:
    """The element that is most to blame, found by halving.

    Args:
        off: how far measured and answered derivative differ along the signed sum of these elements; it adds up.
        count: how many elements there are.

    Returns:
        Tensor (1,) with its index.
    """
    chosen = torch.arange(count)
    whole = off(chosen)
    while len(chosen) > 1:
        half, rest = chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]
        here = off(half)
        chosen, whole = (half, here) if abs(here) >= abs(whole - here) else (rest, whole - here)
    return chosen


def directions(gradient: torch.Tensor | None, like: torch.Tensor, size: float, seed: int) -> list[tuple[str, torch.Tensor]]:
    """Directions to try, of the shape of `like`: signs at random, and along the gradient where there is one.

    Args:
        size: root mean square of a direction: that of the weights.
    """
    found = [("random", random_signs(like, seed) * size)]
    if gradient is not None and bool(gradient.abs().max() > 0):
        flat = gradient / gradient.abs().max()  # first, so that squaring neither underflows nor overflows
        rms = flat.abs().square().mean().sqrt()
        found.insert(0, ("gradient", flat * (size * torch.minimum(1 / rms, torch.full_like(rms, LONGEST)))))
    return found


def random_signs(like: torch.Tensor, seed: int) -> torch.Tensor:
    """Plus or minus one for each element; for complex ones in both parts."""
    generator = torch.Generator().manual_seed(seed)
    shape = (*like.shape, 2) if like.is_complex() else tuple(like.shape)
    real = torch.float64 if like.dtype in (torch.float64, torch.complex128) else torch.float32
    signs = (torch.randint(0, 2, shape, generator=generator) * 2 - 1).to(real).to(like.device)
    return torch.view_as_complex(signs) if like.is_complex() else signs


def inner(gradient: torch.Tensor | None, direction: torch.Tensor) -> float:
    """g·v; for complex numbers Re(conj(g)·v), which is how torch's gradient of a real loss is meant."""
    if gradient is None:
        return 0.0
    return float((gradient.conj() * direction).real.sum() if gradient.is_complex() else (gradient * direction).sum())
