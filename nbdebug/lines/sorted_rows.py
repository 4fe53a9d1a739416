"""Does a text put the rows of its data in the order of something that is no time? `table.sort_values("altitude")`, `order = x[:, 0].argsort()` before `x[order], y[order]`.

A table in the order of its time is cut by its place for good reason, and one in the order of its users or sites; one in the order of a quantity is not.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy

from nbdebug.lines.names import assignments, called, calls
from nbdebug.lines.sources import texts
from nbdebug.source_lines import SourceLine

TIME = re.compile(r"time|date|year|month|week|day|hour|minute|second|stamp|epoch|quarter|season|period|elapsed|since|sequence|start|begin|began|arriv|depart|_at$|_on$", re.I)  # anywhere in a name
OTHER = frozenset(
    "t ts dt i k n id ids idx index key uuid no number row rows order rank step steps frame tick cycle cycles when start begin end visit event round lap trial session seq pos position place "
    "age born user users patient subject site station group region name names path paths file files stem customer client fold split random rand uniform permutation shuffle".split()
)  # as a word of a name: a time, a place in a sequence, what rows are grouped by, or chance


@dataclass(frozen=True)
class SortedRows:
    """A call of the text that sorts rows."""

    by: str  # "altitude", as it is written
    line: SourceLine  # of the sort; where the text divides samples without shuffling them, of that
    held: bool  # a frame that is still held has the column, and lies in its order


def sorted_rows() -> SortedRows | None:
    """The last of the script or notebook; None where there is none, or one of them sorts by time, by group, or by nobody knows what."""
    found = [SortedRows(by, SourceLine(name, call.lineno, cell, ast.unparse(call)), _is_held(by)) for name, cell, tree in texts() for call, by in _sorts(tree)]
    if any(not one.by or _is_time(one.by) for one in found):
        return None
    unmixed = [SourceLine(name, call.lineno, cell, ast.unparse(call)) for name, cell, tree in texts() for call in calls(tree) if called(call) == "train_test_split" and _is_unmixed(call)]
    return replace(found[-1], line=unmixed[0]) if found and len(unmixed) == 1 else found[-1] if found else None


def _is_unmixed(call: ast.Call) -> bool:
    return any(word.arg == "shuffle" and isinstance(word.value, ast.Constant) and word.value.value is False for word in call.keywords)


def _is_time(by: str) -> bool:
    words = re.findall(r"[A-Za-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", by).replace("_", " "))
    return bool(TIME.search(by)) or any(word.lower() in OTHER for word in words)


def _sorts(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Calls that sort rows, and by what."""
    for call in calls(tree):
        words = {word.arg: word.value for word in call.keywords}
        if called(call) == "sort_values":
            by = words.get("by", call.args[0] if call.args else None)
            names = [part.value for part in ast.walk(by) if isinstance(part, ast.Constant) and isinstance(part.value, str)] if by is not None else []
            yield call, names[0] if names else ""
        elif called(call) in ("sorted", "sort") and "key" in words:
            yield call, _of_key(words["key"])
        elif called(call) == "argsort" and _orders_rows(tree, call):
            of = call.args[0] if call.args else call.func.value if isinstance(call.func, ast.Attribute) else call
            yield call, ast.unparse(of)


def _of_key(key: ast.expr) -> str:
    """`r["altitude"]` of `lambda r: r["altitude"]`, `altitude` of `itemgetter("altitude")`."""
    if isinstance(key, ast.Lambda):
        own = {argument.arg for argument in key.args.args}
        parts = [part for part in ast.walk(key.body) if not (isinstance(part, ast.Name) and part.id in own)]
        words = [part.value if isinstance(part, ast.Constant) else getattr(part, "attr", getattr(part, "id", "")) for part in parts if isinstance(part, (ast.Constant, ast.Attribute, ast.Name))]
        return " ".join(map(str, words))
    return ast.unparse(key.args[0]).strip("'\"") if isinstance(key, ast.Call) and key.args else ast.unparse(key)


def _orders_rows(tree: ast.AST, call: ast.Call) -> bool:
    """Whether two variables, or the rows of a frame, are brought into this order as a whole."""
    names = {target.id for target, value in assignments(tree) if isinstance(target, ast.Name) and any(part is call for part in ast.walk(value))}
    taken = [part for part in ast.walk(tree) if isinstance(part, ast.Subscript) and (isinstance(part.slice, ast.Name) and part.slice.id in names or part.slice is call)]
    return any(isinstance(part.value, ast.Attribute) and part.value.attr == "iloc" for part in taken) or len({ast.unparse(part.value) for part in taken}) >= 2


def _is_held(name: str) -> bool:
    frames = [held for held in list(vars(sys.modules["__main__"]).values()) if hasattr(held, "columns") and hasattr(held, "to_numpy")]
    columns = [frame[name].to_numpy() for frame in frames if name in list(frame.columns)]
    steps = [numpy.diff(column.astype(float)) for column in columns if column.ndim == 1 and column.dtype.kind in "iuf" and len(column) > 2]
    return any((step >= 0).all() or (step <= 0).all() for step in steps)
