"""The predictions on one fixed batch over the run, in plain values."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Predictions:
    """Every row is a sample (or a position of one, or one of its labels), every look a column."""

    model: str
    batch: str  # where the samples come from, in words
    kind: str  # "classes", "binary" or "numbers"
    rows: tuple[str, ...]  # what each is called
    truth: tuple[float, ...]  # of each row: a class, 0 or 1, or a number
    steps: tuple[int, ...]  # updates that were over at each look, from 0: the first
    predicted: tuple[tuple[float, ...], ...]  # (looks, rows) a class, 0 or 1, or a number
    values: tuple[tuple[float, ...], ...]  # (looks, rows) probability of the truth, or what a number is too high by
    seconds: float  # that all looks took
    share: float | None  # of the time of the loop; None before it is known

    @property
    def is_classes(self) -> bool:
        return self.kind != "numbers"

    @property
    def accuracy(self) -> tuple[float, ...]:
        """Share of right predictions at each look."""
        return tuple(sum(p == t for p, t in zip(look, self.truth, strict=True)) / len(self.truth) for look in self.predicted)

    @property
    def flips(self) -> tuple[float, ...]:
        """Share of rows with another class than at the look before; NaN at the first."""
        pairs = zip(self.predicted, self.predicted[1:], strict=False)
        return (math.nan, *(sum(a != b for a, b in zip(old, new, strict=True)) / len(self.truth) for old, new in pairs))

    @property
    def different(self) -> tuple[int, ...]:
        """How many different predictions there are at each look."""
        return tuple(len(set(look)) for look in self.predicted)

    @property
    def commonest(self) -> tuple[tuple[float, float], ...]:
        """The class that is predicted most at each look, and its share."""
        counted = [Counter(look).most_common(1)[0] for look in self.predicted]
        return tuple((kind, times / len(self.truth)) for kind, times in counted)

    @property
    def errors(self) -> tuple[float, ...]:
        """Root mean square error of the numbers at each look."""
        return tuple(math.sqrt(sum(v * v for v in look) / len(look)) for look in self.values)

    @property
    def spreads(self) -> tuple[float, ...]:
        """Spread of the predicted numbers over that of the targets, at each look."""
        of_targets = deviation(self.truth)
        return tuple(deviation(look) / of_targets if of_targets else math.nan for look in self.predicted)


def deviation(values: tuple[float, ...]) -> float:
    """Standard deviation; NaN where a value is not finite."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
