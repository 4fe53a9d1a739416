"""Whose values a curve shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

MATCHES = 0.02  # relative difference up to which a loss function's value is the loss; our choice: a weight of 0.98 may pass


def is_made_of(steps: Sequence[float], values: Sequence[float], calls: Sequence[tuple[int, float, float]]) -> bool:
    """Whether these calls of a loss function (step, value, …) gave what this curve shows."""
    descended = dict(zip(steps, values, strict=True))
    pairs = [(loss, descended[step]) for step, loss, *_ in calls if step in descended]
    if not pairs:
        return False
    if len({step for step, *_ in calls}) < len(calls):  # accumulated: the mean of a step's calls is what was descended
        of_calls, of_steps = (sum(pair[i] for pair in pairs) / len(pairs) for i in (0, 1))
        return math.isclose(of_calls, of_steps, rel_tol=5 * MATCHES)
    close = [math.isclose(loss, value, rel_tol=MATCHES) or not math.isfinite(value) for loss, value in pairs]
    return sum(close) >= 0.9 * len(close)
