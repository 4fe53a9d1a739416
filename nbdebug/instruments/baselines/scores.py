"""What a contender gets on the samples held out: a ratio of sums over samples, so that its error and differences are known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ratio:
    """Σ parts / Σ weights, both with one entry a sample (or a batch, where a loss cannot be taken apart)."""

    parts: Tensor  # (n,) float64
    weights: Tensor  # (n,)

    @property
    def value(self) -> float:
        total = float(self.weights.sum())
        return float(self.parts.sum()) / total if total else math.nan

    @property
    def error(self) -> float:
        """Standard error, samples taken as drawn independently."""
        return _error(self.parts - self.value * self.weights, self.weights)

    def minus(self, other: Ratio) -> tuple[float, float]:
        """The difference on the same samples, and its standard error."""
        difference = self.value - other.value
        return difference, _error(self.parts - other.parts - difference * self.weights, self.weights)


@dataclass(frozen=True)
class Scores:
    """The user's loss, and where there is one a share of errors. Of both less is better."""

    loss: Ratio
    errors: Ratio | None = None  # share that is wrong; of quantities the squared error over that of the mean

    def beats(self, other: Scores, sure: float) -> bool:
        """Whether it is better in loss or errors by more than so many standard errors."""
        return _is_less(self.loss, other.loss, sure) or (
            self.errors is not None and other.errors is not None and _is_less(self.errors, other.errors, sure)
        )


def _is_less(one: Ratio, other: Ratio, sure: float) -> bool:
    difference, error = one.minus(other)
    return math.isfinite(difference) and difference < -sure * error


def joined(parts: list[Scores]) -> Scores:
    """Those of several batches as one."""
    errors = [p.errors for p in parts if p.errors is not None]
    return Scores(_joined([p.loss for p in parts]), _joined(errors) if len(errors) == len(parts) else None)


def _joined(ratios: list[Ratio]) -> Ratio:
    return Ratio(torch.cat([r.parts for r in ratios]), torch.cat([r.weights for r in ratios]))


def _error(residuals: Tensor, weights: Tensor) -> float:
    count, mean = len(residuals), float(weights.mean()) if len(weights) else 0.0
    return float(residuals.std()) / math.sqrt(count) / abs(mean) if count > 1 and mean else math.nan
