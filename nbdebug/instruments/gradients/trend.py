"""Whether the backward signal fades or grows along the depth (or the time steps) of a model."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdebug.instruments.gradients.result import GradientStats, Signal

PARTS = 4  # the forward pass in quarters; a trend must go through all of them
FEWEST = 3  # uses of weight matrices below which there is no depth to speak of
LARGEST_JUMP = 0.7  # share of the whole (in logarithms) that one quarter may take; more is one odd layer, not a trend
VANISHES_ADAPTIVE = 2e-5  # our choice, measured on digits: ReLU nets of default initialisation learn with Adam down to
VANISHES_PLAIN = 5e-3  # 6e-4 (10 layers) and not at 1e-5 (15 layers); with SGD down to 2e-2 and not at 6e-4
EXPLODES = 50.0  # our choice: batch-norm nets of 20 layers grow by 32 and learn, those of 30 by 250 and do not


def faded(stats: GradientStats) -> float | None:
    """Signal near the input over the signal near the output, when it fades all along; else None."""
    ratio = _ratio(stats.signals)
    limit = VANISHES_ADAPTIVE if stats.adaptive else VANISHES_PLAIN
    by_parameter = _ratio(_strongest(stats.signals))  # fading over time steps alone is what a recurrent net does
    return ratio if ratio is not None and by_parameter is not None and ratio <= limit and by_parameter <= limit else None


def grown(stats: GradientStats) -> float | None:
    """Signal near the input over the signal near the output, when it grows all along; else None."""
    ratio = _ratio(stats.signals)
    return ratio if ratio is not None and ratio >= EXPLODES else None


def suspicious(stats: GradientStats) -> bool:
    """Whether an experiment is worth its forward passes."""
    return faded(stats) is not None or grown(stats) is not None


def _ratio(signals: Sequence[Signal]) -> float | None:
    """First quarter over last, when all quarters go one way and none takes it all; the head is left out."""
    body = [s.norm for s in signals if s.parameter != signals[-1].parameter]  # a head may start small or at zero
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


def _strongest(signals: Sequence[Signal]) -> list[Signal]:
    """Of every parameter its strongest use, at the place of its first."""
    best: dict[str, float] = {}
    for signal in signals:
        best[signal.parameter] = max(signal.norm, best.get(signal.parameter, 0.0))
    return [Signal(name, norm) for name, norm in best.items()]
