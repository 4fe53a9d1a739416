"""All runs as a table, from the files that they left."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdebug.training.folder import RunFolder, runs_root
from nbdebug.training.record.told import Told

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    "id", "name", "state", "step", "loss", "val_loss", "monitor", "best", "best_step", "findings", "started", "seconds", "processes", "precision",
    "resumed_from",
)  # fmt: skip


def runs(runs_dir: str | os.PathLike[str] | None = None) -> pandas.DataFrame:
    """All runs of a folder, newest first, also those whose kernel is gone.

    Columns: `id`, with which `attach` and `compare_runs` find it; `name`; `state`, "lost" when the kernel died under it; `step`, the last one; `loss` and
    `val_loss`, the last ones; `best` at `best_step` of what is monitored; `findings`, codes with their counts; `started`, local time; `seconds`;
    `processes`; `precision`; `resumed_from`, the id of that run. Further metrics of the validation follow, the last of each.

    Args:
        runs_dir: where runs are kept; None: `nbdebug_runs`, or $NBDEBUG_RUNS.
    """
    import pandas

    rows = [_row(Told(RunFolder(path.parent))) for path in _newest_first(runs_root(runs_dir))]
    further = sorted({name for row in rows for name in row} - set(COLUMNS))
    table = pandas.DataFrame(rows, columns=[*COLUMNS, *further])
    table["started"] = pandas.to_datetime(table["started"])
    return table


def _row(run: Told) -> dict[str, Any]:
    best = run.best()
    monitor, value, step = best if best is not None else (None, None, None)
    columns = {name for row in run.rows for name in row if name.startswith("val_")}
    return {
        "id": run.id, "name": run.about.get("name") or "", "state": run.state, "step": run.step, "loss": run.last("loss"), "val_loss": run.last("val_loss"),
        "monitor": monitor, "best": value, "best_step": step, "findings": _codes(run.codes()), "started": _local_time(run.started), "seconds": _rounded(run.seconds),
        "processes": run.processes, "precision": precision(run), "resumed_from": _id_of(run.about.get("resumed_from")),
        **{name: run.last(name) for name in columns if name != "val_loss"},
    }  # fmt: skip


def precision(run: Told) -> str:
    """That of the configuration, or of the setup."""
    told = run.config.training.precision if run.config is not None else None
    own = run.record.get("setup")
    return str(told or (own.get("precision") if isinstance(own, Mapping) else None) or "")


def _codes(counts: Mapping[str, int]) -> str:
    return ", ".join(code if count == 1 else f"{code} ×{count}" for code, count in sorted(counts.items()))


def _id_of(checkpoint: Any) -> str:
    """The run that a checkpoint lies in."""
    return Path(checkpoint).parent.parent.name if checkpoint else ""


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _newest_first(root: Path) -> list[Path]:
    return sorted(root.glob("*/run.json"), key=lambda path: (float(RunFolder(path.parent).about().get("created") or 0.0), path.parent.name), reverse=True)


def _local_time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(int(seconds))
