"""Curves out of tables in memory: a DataFrame, a dict of lists, a list of dicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbdebug.errors import SetupError
from nbdebug.instruments.fit.reading.columns import AXES, BESIDE, Columns, columns_of

TAIL = 3  # rows at the end that are NaN, from which on a column without a hole before was lost, and not logged less often


def read_table(frame: Any) -> Columns:
    """A pandas frame or series, or whatever turns into one; an index with a name is a column."""
    if hasattr(frame, "to_pandas"):
        frame = frame.to_pandas()
    if not hasattr(frame, "columns"):
        frame = frame.to_frame(name=frame.name if frame.name is not None else "loss")
    about = f"DataFrame of {len(frame)} row{'s' * (len(frame) != 1)}"
    if frame.columns.nlevels > 1:
        frame = frame.set_axis(["/".join(map(str, name)) for name in frame.columns], axis=1)
    if not frame.columns.is_unique:
        twice = sorted(set(map(str, frame.columns[frame.columns.duplicated()])))
        raise SetupError(f"the frame has several columns of the name {', '.join(twice)}: rename them")
    if frame.index.name is not None and frame.index.name not in frame.columns:
        frame = frame.reset_index()
    return columns_of(_with_holes({str(name): frame[name].tolist() for name in frame.columns}), about)


def read_lists(lists: Mapping[Any, Any], about: str) -> Columns:
    """A dict of lists, as keras' history is; lists of other lengths are spread over the longest."""
    if any(isinstance(values, Mapping) for values in lists.values()):  # {"train": {"loss": [...]}, "val": {...}}
        within = {name: values if isinstance(values, Mapping) else {"": values} for name, values in lists.items()}
        lists = {f"{name}/{inner}".rstrip("/"): values for name, of in within.items() for inner, values in of.items()}
    known = {str(name): _as_list(values) for name, values in lists.items()}
    columns = {name: values for name, values in known.items() if values is not None}
    if not columns and known:
        raise SetupError(f"a dict of curves has a list for each name, got {type(next(iter(lists.values()))).__name__}: pass {{'loss': [...], 'val_loss': [...]}}")
    length = max(map(len, columns.values()), default=0)
    limits = []
    for name, values in columns.items():
        if 0 < len(values) < length:
            columns[name] = _spread(values, length)
            limits.append(f"{name} has {len(values)} values beside {length}: they were taken to lie evenly between them")
    return columns_of(_with_holes(columns), f"{about} of {length} values", tuple(limits))


def read_rows(rows: Sequence[Any], about: str) -> Columns:
    """A list of dicts, each a row with whatever was logged then; or a plain list of numbers, which is a loss."""
    if rows and not any(isinstance(row, Mapping) for row in rows):
        if any(isinstance(row, (str, list, tuple)) for row in rows):
            raise SetupError(f"a list of rows has a dict for each, got {type(rows[0]).__name__}: pass [{{'step': 0, 'loss': 2.3}}, ...]")
        return columns_of({"loss": list(rows)}, f"{about} of {len(rows)} numbers")
    kept = [row for row in rows if isinstance(row, Mapping)]
    by_name = [dict(_named(row)) for row in kept]
    names = dict.fromkeys(name for row in by_name for name in row)
    return columns_of({name: [row.get(name) for row in by_name] for name in names}, f"{about} of {len(kept)} rows")


def _named(row: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Its values with their names; of `{"train": {"loss": 2.3}}` it is `train/loss`."""
    for name, value in row.items():
        yield from ((f"{name}/{inner}", v) for inner, v in value.items()) if isinstance(value, Mapping) else [(str(name), value)]


def _as_list(values: Any) -> list[Any] | None:
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
        return None
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _spread(values: list[Any], length: int) -> list[Any]:
    """One value at the end of each of as many equal stretches."""
    spread: list[Any] = [None] * length
    for i, value in enumerate(values):
        spread[math.ceil((i + 1) * length / len(values)) - 1] = value
    return spread


def _with_holes(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """NaN is what a frame writes where nothing was logged. It is a value where a column is nothing else, or where one
    without holes ends in NaN and its axis goes on."""
    return {name: cells if _is_axis(name) or _is_lost(cells, columns) else [None if _is_nan(c) else c for c in cells] for name, cells in columns.items()}


def _is_lost(cells: list[Any], columns: dict[str, list[Any]]) -> bool:
    first = next((i for i, cell in enumerate(cells) if _is_nan(cell)), len(cells))
    tail = cells[first:]
    if first == 0 and all(map(_is_nan, cells)):
        return True  # it never was a number
    if first < TAIL or len(tail) < TAIL or not all(map(_is_nan, tail)):
        return False
    axes = [columns[name] for name in columns if _is_axis(name) and name.lower() not in BESIDE]
    return all(min(map(float, axis[first:])) >= float(axis[first - 1]) for axis in axes if all(isinstance(c, (int, float)) for c in axis))


def _is_axis(name: str) -> bool:
    return name.strip().lower().replace(" ", "_") in AXES or name.lower() in BESIDE


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, float) and math.isnan(cell)
