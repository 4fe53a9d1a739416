"""The curves of a run in a bounded number of points, however long it goes on; what has been taken in is not read again."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdebug.page import Curve
from nbdebug.training.history import Row

MOST_POINTS = 400  # of a curve, an even number; then two become their mean. A drawing is at most 620 pixels wide
MOST_CURVES = 5
FIRST = ("loss", "gradient_norm")  # names that come first; rates come last
LAST = ("lr", "loss_scale", "skipped_steps")
HELD_OUT = "val_"
WORDS = {"lr": "learning rate", "gradient_norm": "gradient norm", "loss_scale": "loss scale", "skipped_steps": "skipped steps"}  # for the trainer's own names
WIDE = 30.0  # largest over smallest, from which on a loss is drawn over a logarithmic axis; our choice

Point = tuple[float, float]  # step, value


class Course:
    """One curve."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._open: list[Point] = []  # on the way to one point
        self._together = 1

    def add(self, step: float, value: float) -> None:
        self._open.append((step, value))
        if len(self._open) < self._together:
            return
        self._points.append(_mean(self._open))
        self._open = []
        if len(self._points) == MOST_POINTS:
            pairs = [self._points[i : i + 2] for i in range(0, len(self._points), 2)]
            self._points = [_mean(pair) for pair in pairs]
            self._together *= 2

    def forget_from(self, step: float) -> None:
        """What is measured again, after a restart from a checkpoint."""
        self._points = [point for point in self._points if point[0] < step]
        self._open = [point for point in self._open if point[0] < step]

    def points(self) -> list[Point]:
        return [*self._points, *([_mean(self._open)] if self._open else [])]


class Courses:
    """All curves of a run, as far as its rows have been taken in."""

    def __init__(self) -> None:
        self._begin([], 0)

    def take(self, rows: Sequence[Row]) -> None:
        """Takes in what has come since the last time."""
        if rows is not self._rows:  # those that were dropped on the way have been read from the files
            self._begin(rows, 0)
        new = rows[self._taken : len(rows)]
        self._taken += len(new)
        first = min((row.rank for row in new), default=self._rank)
        if self._rank is None or (first is not None and first < self._rank):
            self._begin(rows, self._taken)
            self._rank, new = first, rows[: self._taken]
        for row in new:
            if row.rank == self._rank:
                self._add(row)

    def last(self, name: str) -> float | None:
        """The newest value of this name."""
        return self._newest.get(name)

    def curves(self, most: int = MOST_CURVES) -> tuple[Curve, ...]:
        """A drawing for each measure, its validation in it; the loss first."""
        bases = list(dict.fromkeys(name.removeprefix(HELD_OUT) for name in self._courses))
        bases.sort(key=lambda base: (base in LAST, FIRST.index(base) if base in FIRST else len(FIRST)))
        drawn = [curve for base in bases if (curve := self._curve(base)) is not None]
        return tuple(drawn[:most])

    def _begin(self, rows: Sequence[Row], taken: int) -> None:
        self._rows, self._taken = rows, taken
        self._rank: int | None = None
        self._attempt = 0
        self._courses: dict[str, Course] = {}
        self._newest: dict[str, float] = {}

    def _add(self, row: Row) -> None:
        if row.attempt < self._attempt:
            return  # late words of an attempt that is over
        if row.attempt > self._attempt:
            self._attempt = row.attempt
            for course in self._courses.values():
                course.forget_from(row.step)
        for name, value in row.metrics.items():
            name = f"{HELD_OUT}{name}" if row.validation and not name.startswith(HELD_OUT) else name
            self._courses.setdefault(name, Course()).add(float(row.step), value)
            self._newest[name] = value

    def _curve(self, base: str) -> Curve | None:
        named = {"training": self._courses.get(base), "validation": self._courses.get(HELD_OUT + base)}
        points = {name: course.points() for name, course in named.items() if course is not None}
        points = {name: taken for name, taken in points.items() if taken}
        values = [value for taken in points.values() for _, value in taken if math.isfinite(value)]
        if sum(map(len, points.values())) < 2 or (base in LAST and len(set(values)) < 2):
            return None  # a rate that stays the same says nothing
        title = WORDS.get(base, base)
        return Curve(
            title, {name: tuple(value for _, value in taken) for name, taken in points.items()}, y_label=title, log_y="loss" in base and _spans(values),
            own_x={name: tuple(step for step, _ in taken) for name, taken in points.items()},
        )  # fmt: skip


def _mean(points: Sequence[Point]) -> Point:
    """The last step, and the mean value; one that is not finite stays so."""
    return points[-1][0], sum(value for _, value in points) / len(points)


def _spans(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) / min(values) > WIDE
