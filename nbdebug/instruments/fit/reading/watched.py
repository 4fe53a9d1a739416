"""Curves out of a watched training: a watch, its result, or its report."""

from __future__ import annotations

from typing import Any

from nbdebug import curve_shapes
from nbdebug.instruments.fit.reading.columns import SHORT, Columns
from nbdebug.instruments.fit.result import Course
from nbdebug.instruments.report import RESULTS, Report

HIDDEN = ("seconds", "data wait", "memory")  # curves that say what a step costs


def watched_result(history: Any) -> Any | None:
    """The result of a watch, whichever of its faces is given; None of anything else."""
    kind = RESULTS["watch"]
    if isinstance(history, Report):
        return history.result if isinstance(history.result, kind) else None
    if isinstance(history, kind):
        return history
    ask = getattr(history, "result", None)
    result = ask() if callable(ask) and type(history).__name__ == "Watch" else None
    return result if isinstance(result, kind) else None


def read_watch(result: Any) -> Columns:
    """Its curves, and what a constant prediction would get."""
    shown = {name: track for name, track in result.tracks.items() if not name.startswith(HIDDEN)}
    courses = {name: Course(name, tuple(map(float, t.steps)), t.values) for name, t in shown.items() if len(t) >= SHORT}
    return Columns(f"watch of {result.steps:,} steps", "step", courses, constant=_constant(result))


def _constant(result: Any) -> float | None:
    """What the best constant prediction gets, of the one loss function whose values were descended."""
    track = result.tracks.get("loss")
    if track is None or len(result.constants) != 1:
        return None
    (known,) = result.constants
    return known.loss if curve_shapes.is_made_of(track.steps, track.values, known.values) else None
