"""Whether a backward signal fades or grows along the depth of a model, and from where on that does harm."""

from __future__ import annotations

import math
from collections.abc import Sequence

PARTS = 4  # the forward pass in quarters; a trend must go through all of them
FEWEST = 3  # uses of weight matrices below which there is no depth to speak of
LARGEST_JUMP = 0.7  # share of the whole (in logarithms) that one quarter may take; more is one odd layer, not a trend
VANISHES_ADAPTIVE = 2e-5  # our choice, measured on digits: ReLU nets of default initialisation learn with Adam down to
VANISHES_PLAIN = 5e-3  # 6e-4 (10 layers) and not at 1e-5 (15 layers); with SGD down to 2e-2 and not at 6e-4
EXPLODES = 50.0  # our choice: batch-norm nets of 20 layers grow by 32 and learn, those of 30 by 250 and do not
STEEP = 100.0  # elasticity over the loss that knowing nothing gives; our choice: sound nets on digits stay below 20


def over_depth(signals: Sequence[tuple[str, float]]) -> float | None:
    """First quarter over last, when all quarters go one way and none takes it all; the head is left out.

    Args:
        signals: weight matrix and norm of the gradient where it is used, in the order of the forward pass.
    """
    body = [norm for name, norm in signals if name != signals[-1][0]]  # a head may start small or at zero
    norms = [norm for norm in body if norm > 0]
    if len(norms) < FEWEST or not all(map(math.isfinite, norms)):
        return None
    count = min(PARTS, len(norms))
    edges = [round(i * len(norms) / count) for i in range(count + 1)]
    peaks = [math.log(max(norms[low:high])) for low, high in zip(edges, edges[1:], strict=False)]
    steps = [after - before for before, after in zip(peaks, peaks[1:], strict=False)]
    total = peaks[-1] - peaks[0]
    one_way = all(step > 0 for step in steps) or all(step < 0 for step in steps)
    if not one_way or max(map(abs, steps)) > LARGEST_JUMP * abs(total):
        return None
    return math.exp(-total)
