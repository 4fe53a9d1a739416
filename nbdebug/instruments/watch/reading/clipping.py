"""How far clipping holds the updates back."""

from __future__ import annotations

from nbdebug.curve_shapes import middle
from nbdebug.instruments.watch.reading.motion import Motion
from nbdebug.instruments.watch.result import Event, Optimizer, WatchResult

STRONG = 10.0  # norm before clipping over the limit; our choice: a limit of 1 cuts gradients of 30 in nets that learn
HELD = 1e-4  # update over weight below which clipped weights are held back; our choice


def held_back(result: WatchResult, motion: Motion, clip: Event, least: float = HELD) -> tuple[str, float] | None:
    """What clipping does to this group, in words, and the norm over its limit; None when it does no harm.

    Args:
        least: update over weight, from which on weights are not held back.
    """
    limit, ratio = float(clip.facts.get("limit") or 0.0), motion.ratio
    if limit <= 0 or ratio > least:
        return None
    if clip.facts.get("by") == "norm":
        norms = result.tracks.get("gradient norm before clipping")
        factors = [v / limit for v in norms.finite()] if norms is not None else []
        cut = sum(f >= STRONG for f in factors)
        if not factors or cut < 0.9 * len(factors) or not _matters(motion.optimizer, motion, middle(factors)):
            return None
        return f"clipping to {limit:g} cuts gradients of norm {middle(factors) * limit:.3g} down at {cut} of {len(factors)} steps", middle(factors)
    at_limit = motion.gradient >= 0.5 * limit and motion.gradient <= 1.01 * limit
    if not at_limit or motion.optimizer.adaptive:
        return None
    return f"clipping values to {limit:g} leaves most elements of the gradient at the limit (their rms is {motion.gradient:.2g})", motion.gradient / limit


def _matters(optimizer: Optimizer, motion: Motion, factor: float) -> bool:
    """Whether updates would be healthy without it. Adam takes the size out again, unless eps drowns it."""
    if optimizer.adaptive:
        eps = motion.group.eps or 0.0
        return motion.gradient < 10 * eps < factor * motion.gradient
    return motion.ratio * factor >= HELD
