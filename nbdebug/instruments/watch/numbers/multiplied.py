"""Whether a weight was multiplied by a number between two steps, as by a decay that the loop does by hand."""

from __future__ import annotations

import math

from torch import Tensor

LOOKS = 12  # times that a weight is compared with what the last step left; a write to `.data` moves no version counter
SAME = 1e-4  # relative, to which all elements of a weight that was multiplied by a number agree about it; our choice


def multiplied(before: Tensor, after: Tensor) -> float | None:
    """The number that all elements were multiplied by; None when they were not, or by 1."""
    size = float(before.float().square().sum())
    factor = float((before.float() * after.float()).sum()) / size if size > 0 and before.shape == after.shape else 1.0
    if not math.isfinite(factor) or abs(factor - 1) < 10 * SAME:
        return None
    off = float((after.float() - factor * before.float()).abs().max())
    return factor if off <= SAME * float(before.abs().max()) else None
