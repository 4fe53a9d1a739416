"""Curves out of whatever logged them; one file a kind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbdebug.errors import SetupError
from nbdebug.instruments.fit.reading.columns import Columns
from nbdebug.instruments.fit.reading.event_files import is_event_file, read_events
from nbdebug.instruments.fit.reading.table import read_lists, read_rows, read_table
from nbdebug.instruments.fit.reading.text_files import read_csv, read_json
from nbdebug.instruments.fit.reading.watched import read_watch, watched_result

KINDS = (
    "a watch, a DataFrame, a dict of lists, a list of dicts (log_history), or the path of a .csv, .json or .jsonl file "
    "or of TensorBoard's event files"
)


def read(history: Any) -> Columns:
    """The columns of a history, whatever it is.

    Raises:
        SetupError: it is nothing that holds curves, is empty, or holds several runs.
    """
    columns = _read(history)
    if not columns.courses:
        needed = "fit needs the losses of a training, one a step or an epoch"
        raise SetupError(f"no column of {columns.about} has two numbers or more{columns.said_of_texts()}: {needed}")
    return columns


def _read(history: Any) -> Columns:
    if isinstance(history, (str, os.PathLike)):
        return _read_path(Path(history) if str(history) else None)
    if (result := watched_result(history)) is not None:
        return read_watch(result)
    inner = getattr(history, "history", None)  # what keras' fit returns
    if isinstance(inner, Mapping):
        return read_lists(inner, "history")
    if isinstance(history, Mapping):
        return read_json(history, "dict") if "log_history" in history else read_lists(history, "dict")
    if hasattr(history, "columns") or hasattr(history, "to_frame"):  # a frame, or a series of one
        return read_table(history)
    if getattr(history, "ndim", 0) == 1:  # an array or a tensor of losses
        history = history.tolist()
    if isinstance(history, (list, tuple)):
        return read_rows(history, "list")
    raise SetupError(f"fit needs curves, got {type(history).__name__}: pass {KINDS}")


def _read_path(path: Path | None) -> Columns:
    if path is None or not path.exists():
        raise SetupError(f"there is no file or folder {str(path or '')!r}")
    if path.is_dir():
        return _read_folder(path)
    if path.suffix in (".csv", ".tsv"):
        return read_csv(path)
    if path.suffix in (".json", ".jsonl", ".ndjson"):
        return read_json(path, path.name)
    if is_event_file(path):
        return read_events(path)
    raise SetupError(f"{path.name} is no file that fit can read: pass {KINDS}")


def _read_folder(path: Path) -> Columns:
    """A folder of one run: TensorBoard's event files, or the table that Lightning or the Trainer wrote into it."""
    if any(map(is_event_file, path.rglob("*"))):
        return read_events(path)
    tables = sorted(found for name in ("metrics.csv", "trainer_state.json") for found in path.rglob(name))
    if len(tables) == 1:
        return _read_path(tables[0])
    if tables:
        listed = ", ".join(str(found.relative_to(path)) for found in tables[:5])
        raise SetupError(f"{path} holds {len(tables)} runs: {listed}{' …' if len(tables) > 5 else ''}: pass the path of one")
    raise SetupError(f"{path} holds no event files, no metrics.csv and no trainer_state.json")
