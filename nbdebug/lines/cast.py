"""Which line casts to a number of few bits: `frame[c].astype(np.int16)`, `torch.tensor(rows, dtype=torch.int16)`, `frame.astype({"metres": "int16"})`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

import numpy

from nbdebug.lines.names import calls, last_name
from nbdebug.lines.sources import only, texts
from nbdebug.source_lines import SourceLine

FILLED = 0.9  # of the numbers that there are, from the lowest of a column to the highest


def line_that_casts(*kinds: str, circle: int = 0) -> SourceLine | None:
    """The line of the script or notebook that calls something with one of these dtypes; None where there is none, or more than one.

    Args:
        kinds: "int16", as an attribute of NumPy's, pandas' or torch's, or in quotes.
        circle: of several columns of a table, that one is meant which fills so many numbers in a frame that is still held.
    """
    found = list(_casts(kinds))
    filling = {name for _, _, _, name in found if name and _fills(name, circle)} if circle else set()
    return only((text, number, node) for text, number, node, name in found if not filling or name in filling)


def casts_to(*kinds: str) -> bool:
    """Whether anything is cast to one of these."""
    return any(True for _ in _casts(kinds))


def _casts(kinds: tuple[str, ...]) -> Iterator[tuple[str, int | None, ast.expr, str]]:
    """Text, cell and node, and the column that is named with it."""
    for text, number, tree in texts():
        for call in calls(tree):
            yield from ((text, number, node, name) for node, kind, name in _kinds(call) if kind in kinds)


def _kinds(call: ast.Call) -> Iterator[tuple[ast.expr, str, str]]:
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "dtype")]
    for argument in given:
        yield call, _kind(argument), ""
        if isinstance(argument, ast.Dict):
            named = zip(argument.keys, argument.values, strict=True)
            yield from ((value, _kind(value), key.value) for key, value in named if isinstance(key, ast.Constant) and isinstance(key.value, str))


def _kind(argument: ast.expr) -> str:
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else last_name(argument)


def _fills(name: str, circle: int) -> bool:
    """Whether a frame of the script holds a column of that name that fills the circle."""
    frames = [held for held in list(vars(sys.modules["__main__"]).values()) if hasattr(held, "columns") and hasattr(held, "to_numpy")]
    columns = [frame[name].to_numpy() for frame in frames if name in list(frame.columns)]
    return any(column.dtype.kind in "iuf" and FILLED * circle <= numpy.ptp(column.astype(float)) < circle for column in columns if len(column))
