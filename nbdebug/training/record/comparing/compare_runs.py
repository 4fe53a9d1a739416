"""`nbdebug.compare_runs(a, b)`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdebug.instruments.base import Judged
from nbdebug.instruments.report import Report, remember
from nbdebug.training.attaching import found
from nbdebug.training.record.comparing import culprits, data, facts, settings, texts
from nbdebug.training.record.comparing.result import Change, Line, RunsCompared, Side
from nbdebug.training.record.told import Told

if TYPE_CHECKING:
    from nbdebug.training.run import Run

FIRST = ("loss", "val_loss")  # of the curves that both have; what is monitored comes next
MOST_LINES = 8  # metrics that are drawn

comparisons = Judged("compare_runs", title="run beside run", level="", result=RunsCompared)


def compare_runs(a: Run | str | os.PathLike[str], b: Run | str | os.PathLike[str] = "last", runs_dir: str | os.PathLike[str] | None = None) -> Report:
    """What changed from run a to run b, the likeliest reason for their difference first; their curves over each other.

    Compared are settings, the text of cells and files, data, model, the weights at the beginning, environment and git, as they were recorded when each run
    began; neither needs to be of this kernel.

    Args:
        a: a run, the good one say: what `launch` gave, its id or the beginning of it, its folder, or "last".
        b: the other one.
        runs_dir: where runs are kept; None: `nbdebug_runs`, or $NBDEBUG_RUNS.

    Raises:
        LaunchError: there is no such run.
    """
    began = time.perf_counter()
    one, other = (Told(found(_path(run), runs_dir)) for run in (a, b))
    result = compared(one, other)
    return remember(Report(
        "compare_runs", comparisons.title, comparisons.level, result, subject=f"a: {one.id} · b: {other.id}", seconds=time.perf_counter() - began,
    ))  # fmt: skip


def compared(a: Told, b: Told) -> RunsCompared:
    """Everything that can be compared of two runs."""
    lines = tuple(_lines(a, b))
    course = culprits.course_of(lines)
    code = list(texts.text_changes(_sources(a), _sources(b)))
    beside = list(data.data_changes(a, b))
    changes = culprits.ranked([*_changes(a, b), *(change for change, _ in code), *(change for change, _ in beside if change is not None)], course)
    sides = _side(a), _side(b)
    return RunsCompared(
        *sides, culprits.sentence(*sides, changes, course, _ends(a, b)), changes, lines, tuple(diff for _, diff in code), tuple(one for _, one in beside),
        tuple(facts.unknown(a, b)),
    )  # fmt: skip


def _path(run: Any) -> Any:
    folder = getattr(run, "folder", None)
    return folder.path if folder is not None and isinstance(getattr(folder, "path", None), Path) else run


def _changes(a: Told, b: Told) -> Iterator[Change]:
    yield from settings.setting_changes(a, b)
    yield from facts.model_changes(a, b)
    yield from facts.start_changes(a, b)
    yield from facts.environment_changes(a, b)
    yield from facts.repository_changes(a, b)


def _sources(run: Told) -> list[dict[str, Any]]:
    told = run.record.get("sources")
    return told if isinstance(told, list) else []


def _lines(a: Told, b: Told) -> Iterator[Line]:
    """Metrics that both have, loss first."""
    one, other = (_courses(run) for run in (a, b))
    monitored = [best[0] for run in (a, b) if (best := run.best()) is not None]
    order = [*FIRST, *monitored, *sorted(one)]
    names = [name for name in dict.fromkeys(order) if name in one and name in other and _moves(one[name][1], other[name][1])]
    for name in names[:MOST_LINES]:
        (steps, values), (others, theirs) = one[name], other[name]
        yield Line(name, (steps, others), (values, theirs))


def _moves(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """A rate that stands still in both has no curve."""
    return len({*one, *other}) > 1


def _courses(run: Told) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    found: dict[str, tuple[list[float], list[float]]] = {}
    for row in run.rows:
        for name, value in row.items():
            if name not in ("step", "epoch") and value is not None:
                steps, values = found.setdefault(name, ([], []))
                steps.append(float(row["step"] or 0))
                values.append(float(value))
    return {name: (tuple(steps), tuple(values)) for name, (steps, values) in found.items()}


def _ends(a: Told, b: Told) -> tuple[str, float, float, bool] | None:
    """What is monitored in both, at their ends; else the training loss."""
    for run in (a, b):
        best = run.best()
        if best is not None and a.last(best[0]) is not None and b.last(best[0]) is not None:
            return best[0], float(a.last(best[0]) or 0.0), float(b.last(best[0]) or 0.0), run.config is not None and run.config.checkpoint.mode == "max"
    one, other = a.last("loss"), b.last("loss")
    return ("loss", one, other, False) if one is not None and other is not None else None


def _side(run: Told) -> Side:
    failure = run.about.get("failure")
    why = str(failure.get("sentence", "")) if isinstance(failure, dict) else str(run.about.get("reason") or "") if run.state == "interrupted" else ""
    resumed = run.about.get("resumed_from")
    return Side(
        run.id, str(run.about.get("name") or ""), run.state, run.step, None if run.seconds is None else round(run.seconds, 1), tuple(sorted(run.codes())), why,
        Path(resumed).parent.parent.name if resumed else "",
    )  # fmt: skip
