"""Columns of numbers over one axis, out of rows with holes: what the axis is, what is a hole and what a NaN."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nbdebug.errors import SetupError
from nbdebug.instruments.fit.result import Course

AXES = ("step", "global_step", "_step", "trainer/global_step", "iteration", "iter", "epoch")  # in the order to reach for them
BESIDE = ("batch", "batch_idx", "time", "timestamp", "_timestamp", "_runtime", "wall_time", "relative_time", "created_at", "unnamed: 0", "index")
REPEATED = 0.1  # share of a column's points that may stand at one step with others; more, and the axis is too coarse; our choice
SHORT = 2  # values that make a curve


@dataclass(frozen=True)
class Columns:
    """What a history holds."""

    about: str
    x: str
    courses: dict[str, Course]  # column → its curve
    texts: tuple[str, ...] = ()  # columns without numbers
    limits: tuple[str, ...] = ()
    constant: float | None = None  # what the best constant prediction gets, where a watch knows it

    def said_of_texts(self) -> str:
        return f" (only text in {', '.join(self.texts[:8])})" if self.texts else ""


def columns_of(rows: Mapping[str, Sequence[Any]], about: str, limits: tuple[str, ...] = ()) -> Columns:
    """Columns of equal length; a hole is None.

    Raises:
        SetupError: the axis starts again: several runs are in one table.
    """
    numbers = {str(name): [_number(cell) for cell in cells] for name, cells in rows.items()}
    texts = tuple(name for name, cells in numbers.items() if all(c is None for c in cells) and any(isinstance(c, str) for c in rows[name]))
    length = max(map(len, numbers.values()), default=0)
    axes = [name for name in sorted(numbers, key=_axis_rank) if _axis_rank(name) < len(AXES)]
    kept = {name: c for name, c in numbers.items() if name not in axes and name.lower() not in BESIDE and name not in texts}
    x, positions, said = _axis({name: numbers[name] for name in axes}, list(kept.values()), length, about)
    courses = {name: course for name, cells in kept.items() if len(course := _course(name, positions, cells)) >= SHORT}
    return Columns(about, x, courses, texts, (*limits, *said))


def _axis_rank(name: str) -> int:
    """Its place among the axes; len(AXES) of any other column."""
    plain = name.strip().lower().replace(" ", "_")
    return AXES.index(plain) if plain in AXES else len(AXES)


def _axis(axes: dict[str, list[float | None]], columns: list[list[float | None]], length: int, about: str) -> tuple[str, list[float | None], tuple[str, ...]]:
    """The name of the axis, where each row lies on it, and what is to be said about it."""
    rows: list[float | None] = [float(i) for i in range(length)]
    restarted = ""
    for name, cells in axes.items():
        known = [c for c in cells if c is not None and math.isfinite(c)]
        if not known or len(set(known)) < SHORT or len(known) < 0.5 * length:
            continue
        if _is_coarse(cells, columns):
            if _starts_again(known) and not _counts_on(axes, name):
                restarted = restarted or name
            continue
        said = () if known == sorted(known) else (f"the rows were not in the order of {name}, and were sorted",)
        return ("epoch" if "epoch" in name.lower() else "step"), cells, said
    if restarted:
        raise SetupError(f"{restarted} begins again within {about}: these are several runs, or one that was restarted; pass the rows of one")
    return "row", rows, (f"{', '.join(axes)} repeats too often to be the axis: rows are counted instead",) if axes else ()


def _is_coarse(cells: list[float | None], columns: list[list[float | None]]) -> bool:
    """Whether too many points of some column would lie upon one another."""
    for column in columns:
        at = [c for c, value in zip(cells, column, strict=False) if value is not None and c is not None]
        if len(at) - len(set(at)) > REPEATED * len(at):
            return True
    return False


def _starts_again(known: list[float]) -> bool:
    return any(b < a and b <= known[0] for a, b in zip(known, known[1:], strict=False))


def _counts_on(axes: dict[str, list[float | None]], name: str) -> bool:
    """Whether another axis goes on where this one begins again, as epochs do over steps."""
    others = [[c for c in cells if c is not None] for other, cells in axes.items() if other != name]
    return any(cells == sorted(cells) and len(set(cells)) >= SHORT for cells in others)


def _course(name: str, positions: list[float | None], cells: list[float | None]) -> Course:
    """The points in their order; of several at one place the last one logged."""
    points = {x: value for x, value in zip(positions, cells, strict=False) if value is not None and x is not None and math.isfinite(x)}
    steps = sorted(points)
    return Course(name, tuple(steps), tuple(points[x] for x in steps))


def _number(cell: Any) -> float | None:
    """The number of a cell; None for a hole, and for what is no number."""
    if cell is None or isinstance(cell, (bool, dict, list, tuple)):
        return None
    if isinstance(cell, str):
        cell = re.sub(r"^tensor\((.*?)(,.*)?\)$", r"\1", cell.strip())
    try:
        return float(cell.detach() if isinstance(cell, Tensor) else cell)
    except (TypeError, ValueError, RuntimeError):
        return None
