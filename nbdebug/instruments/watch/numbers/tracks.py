"""Curves of single numbers, one value a step, that never outgrow a bound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbdebug.instruments.watch.result import Track

POINTS = 2048  # of one curve, at most; our choice: more than a screen shows
STEP, COUNT, FINITE, TOTAL, LOW, HIGH = range(6)  # of a point; FINITE values of COUNT are finite, and TOTAL is their sum


class Tracks:
    """Histories of scalars. `add` costs the same at the millionth step as at the first."""

    def __init__(self) -> None:
        self._curves: dict[str, _Curve] = {}

    def add(self, name: str, step: int, value: float) -> None:
        self.add_all(step, {name: value})

    def add_all(self, step: int, values: dict[str, float]) -> None:
        """Several of one step."""
        curves = self._curves
        for name, value in values.items():
            curve = curves.get(name)
            if curve is None:
                curve = curves[name] = _Curve()
            curve.steps.append(step)
            curve.values.append(value)
            if len(curve.values) >= POINTS // 2:
                curve.gather()

    def extend(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:
        """One curve at many steps."""
        curve = self._curves.setdefault(name, _Curve())
        curve.steps.extend(steps)
        curve.values.extend(values)
        if len(curve.values) >= POINTS // 2:
            curve.gather()

    def plain(self) -> dict[str, Track]:
        """As long as every point is one value, `low`, `values` and `high` are the same."""
        return {name: curve.track(name) for name, curve in self._curves.items()}


class _Curve:
    """Every point stands for `span` values: the step of the first, their mean, the lowest and the highest.

    A mean is over finite values. A point that holds NaN among others has it as its `high`; Inf is its own extreme.
    """

    __slots__ = ("steps", "values", "points", "span")

    def __init__(self) -> None:
        self.steps: list[int] = []  # of values that are not in the points yet
        self.values: list[float] = []
        self.points = np.empty((0, 6))
        self.span = 1

    def gather(self) -> None:
        """Values become points; too many points become half as many."""
        self.points = self._all()
        self.steps.clear()
        self.values.clear()
        while len(self.points) > POINTS // 2:
            self.points = _pooled(self.points, np.arange(0, len(self.points), 2))
            self.span *= 2

    def track(self, name: str) -> Track:
        points = self._all()
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(points[:, FINITE] > 0, points[:, TOTAL] / points[:, FINITE], points[:, HIGH])
        steps = tuple(map(int, points[:, STEP]))
        return Track(name, steps, *(tuple(column.tolist()) for column in (means, points[:, LOW], points[:, HIGH])))

    def _all(self) -> np.ndarray:
        """The points with the values that came after them; the last point may still have room for some of these."""
        values = np.array(self.values, float)
        finite = np.isfinite(values)
        single = np.stack(
            [np.array(self.steps, float), np.ones(len(values)), finite, np.where(finite, values, 0), values, values], 1
        )
        points = np.concatenate([self.points, single])
        before = np.cumsum(points[:, COUNT]) - points[:, COUNT]
        starts = np.flatnonzero(np.diff(before // self.span, prepend=-1))
        return _pooled(points, starts)


def _pooled(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """One point for all from each start to the next."""
    if len(starts) == len(points):
        return points
    pooled = np.add.reduceat(points, starts)
    pooled[:, STEP] = points[starts, STEP]
    pooled[:, LOW] = np.fmin.reduceat(points[:, LOW], starts)
    pooled[:, HIGH] = np.maximum.reduceat(points[:, HIGH], starts)
    return pooled
