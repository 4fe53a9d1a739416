"""A function or class that was written again in another cell, beside what it was: the rest of the two cells may have nothing in common."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
STARTS = ("launch", "wait")  # a call that begins a run, or waits for it, makes nothing of what is trained


def written_again(text: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, str]] | None:
    """What a cell without its like has in common with the cells of the other run by the names that it defines.

    Args:
        text: the cell that one run alone has.
        others: the texts of the other run.

    Returns:
        The name and source there, of the definitions as they were, and the same of `text`; None where it holds something else than definitions
        that the other run knows, and the call that begins the run.
    """
    tree = _parsed(text["source"])
    if tree is None or not all(isinstance(one, DEFINES) or _starts(one) for one in tree.body):
        return None
    names = [one.name for one in tree.body if isinstance(one, DEFINES)]
    known = next((other for other in reversed(others) if names and set(names) <= _defined(other)), None)
    if known is None:
        return None
    return {"name": str(known["name"]), "source": _sources(known, names)}, {"name": str(text["name"]), "source": _sources(text, names)}


def _sources(text: Mapping[str, Any], names: Iterable[str]) -> str:
    """The definitions of these names as they are written, the last of each, one below the other."""
    tree = _parsed(text["source"])
    last = {one.name: one for one in (tree.body if tree is not None else ()) if isinstance(one, DEFINES)}
    return "\n\n".join(ast.get_source_segment(text["source"], last[name]) or "" for name in names)


def _defined(text: Mapping[str, Any]) -> set[str]:
    tree = _parsed(text["source"])
    return {one.name for one in (tree.body if tree is not None else ()) if isinstance(one, DEFINES)}


def _starts(statement: ast.stmt) -> bool:
    """`run = nbdebug.launch(make, …)`, or the name of a run alone in the last line."""
    value = getattr(statement, "value", None)
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Call):
        value = value.func.value  # launch(...).wait()
    if not isinstance(value, ast.Call):
        return isinstance(value, ast.Name)
    return getattr(value.func, "attr", getattr(value.func, "id", "")) in STARTS


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
