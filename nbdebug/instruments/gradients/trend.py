"""Whether the backward signal fades or grows along the depth (or the time steps) of a model."""

from __future__ import annotations

from collections.abc import Sequence

from nbdebug.depth import EXPLODES, VANISHES_ADAPTIVE, VANISHES_PLAIN, over_depth
from nbdebug.instruments.gradients.result import GradientStats, Signal


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
    return over_depth([(signal.parameter, signal.norm) for signal in signals])


def _strongest(signals: Sequence[Signal]) -> list[Signal]:
    """Of every parameter its strongest use, at the place of its first."""
    best: dict[str, float] = {}
    for signal in signals:
        best[signal.parameter] = max(signal.norm, best.get(signal.parameter, 0.0))
    return [Signal(name, norm) for name, norm in best.items()]
