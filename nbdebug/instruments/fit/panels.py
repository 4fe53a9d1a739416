"""How a fit is laid out: the curves with the spans of what was found, and the table of diagnoses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean

from nbdebug.instruments.fit import roles
from nbdebug.instruments.fit.diagnosing.curves import written
from nbdebug.instruments.fit.result import Course, Diagnosis, Fit
from nbdebug.page import Curve, Note, Panel, Table

MOST = 600  # points of a curve that are drawn; more are drawn as means, with their extremes
LOG_FROM = 100.0  # our choice: a loss that spans two decades shows nothing of its end on a linear axis
LOSSES = (roles.TRAINING, roles.VALIDATION, roles.EVALUATED)
ACCURACIES = (roles.TRAINING_ACCURACY, roles.VALIDATION_ACCURACY)


def panels_of(result: Fit) -> tuple[Panel, ...]:
    return tuple(_panels(result))


def _panels(result: Fit) -> Iterator[Panel]:
    losses = [result.courses[role] for role in LOSSES if role in result.courses]
    if losses:
        yield _curve("the losses", losses, result.x, result.diagnoses)
    if result.diagnoses:
        yield _diagnoses(result)
    accuracies = [result.courses[role] for role in ACCURACIES if role in result.courses]
    if accuracies:
        yield _curve("accuracy", accuracies, result.x)
    for role in (roles.RATE, roles.NORM):
        if role in result.courses and len(set(result.courses[role].values)) > 1:
            yield _curve(role, [result.courses[role]], result.x)
    if result.taken:
        yield Table("which column is what", ("taken for", "column", "why", "points"), tuple((t.role, t.column, t.why, t.points) for t in result.taken))
    if result.not_checked or result.limits:
        said = [f"{name} was not looked for, {reason}" for name, reason in result.not_checked.items()]
        yield Note("what could not be said", "\n".join([*said, *result.limits]))


def _diagnoses(result: Fit) -> Table:
    rows = tuple(
        (d.name, d.code or "–", str(d.severity) if d.code else "–", f"{written(d.first)} to {written(d.last)}", f"{100 * d.sure:.0f} %", d.experiment)
        for d in result.diagnoses
    )
    caption = "how sure: share of curves resampled from the trend and its own noise in which the same judgement holds"
    return Table("what the curves say", ("what", "code", "severity", f"{result.x}s", "how sure", "one experiment"), rows, caption)


def _curve(title: str, courses: list[Course], x: str, diagnoses: tuple[Diagnosis, ...] = ()) -> Curve:
    """Curves over their own steps; a diagnosis is a line along the bottom, over its span."""
    drawn = {course.name: _thinned(course) for course in courses}
    values = [v for _, mean, _, _ in drawn.values() for v in mean if math.isfinite(v)]
    log = bool(values) and min(values) > 0 and max(values) / min(values) > LOG_FROM
    series = {name: mean for name, (_, mean, _, _) in drawn.items()}
    places = {name: steps for name, (steps, _, _, _) in drawn.items()}
    spread = {name: (low, high) for name, (_, mean, low, high) in drawn.items() if low != mean}
    for diagnosis in (d for d in diagnoses if d.code):
        level = _level(next((course for course in courses if course.name == diagnosis.curve), courses[0]), diagnosis.first)
        series[diagnosis.name], places[diagnosis.name] = (level, level), (diagnosis.first, diagnosis.last)
    first, *_ = places
    words = ["a straight line is the span of what was found, at the level that the curve had where it begins"] * any(d.code for d in diagnoses)
    words += ["each point is the mean of several, the shade shows their lowest and highest"] * bool(spread)
    others = {name: steps for name, steps in places.items() if name != first}
    return Curve(title, series, places[first], x, log_y=log, caption="; ".join(words), own_x=others, spread=spread)


def _level(course: Course, step: float) -> float:
    """The level of a curve about a step, before it leaves it."""
    near = [i for i, s in enumerate(course.steps) if s <= step][-1:] or [0]
    around = [v for v in course.values[max(0, near[0] - 1) : near[0] + 2] if math.isfinite(v)]
    return min(around, default=math.nan)


def _thinned(course: Course) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Steps, means, lowest and highest of at most MOST stretches."""
    each = math.ceil(len(course) / MOST) or 1
    parts = [course.values[i : i + each] for i in range(0, len(course), each)]
    steps = tuple(course.steps[i] for i in range(0, len(course), each))
    means = tuple(fmean(part) if all(map(math.isfinite, part)) else math.nan for part in parts)
    return steps, means, tuple(map(_lowest, parts)), tuple(map(_highest, parts))


def _lowest(part: tuple[float, ...]) -> float:
    return min(part) if all(map(math.isfinite, part)) else math.nan


def _highest(part: tuple[float, ...]) -> float:
    return max(part) if all(map(math.isfinite, part)) else math.nan
