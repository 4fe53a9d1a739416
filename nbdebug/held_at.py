"""Which line makes what a variable of the user's holds: `train_loader = DataLoader(...)`, `val_set = Subset(...)`.

The variables of the script or notebook say what a thing is called, its text where that name is given. An answer that is not the only one is none.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import Any

from nbdebug.assigned_at import only, texts
from nbdebug.source_lines import SourceLine

DEEP = 8  # Subsets of Subsets


def line_that_makes(thing: Any, name: str = "") -> SourceLine | None:
    """The line whose value a variable holds; None where no line of the user's, or more than one, may have made it.

    Args:
        thing: held by a variable of the script or notebook, or by none.
        name: what it is called by custom, tried where no variable holds it, as inside a function.
    """
    names = names_of(thing) or ([name] if name else [])
    return only((text, number, value) for text, number, tree in texts() for value in _given_to(tree, names))


def line_of_dataset(loader: Any) -> SourceLine | None:
    """The line that makes the dataset behind a loader, of a Subset the whole; None when it has no name of its own."""
    parts, data = [], loader
    while len(parts) < DEEP and (data := getattr(data, "__dict__", {}).get("dataset")) is not None:
        parts.append(data)
    return next(filter(None, (line_that_makes(part) for part in reversed(parts) if names_of(part))), None)


def names_of(thing: Any) -> list[str]:
    """The variables that hold it."""
    return [name for name, value in list(vars(sys.modules["__main__"]).items()) if value is thing and not name.startswith("_")]


def _given_to(tree: ast.AST, names: list[str]) -> Iterator[ast.expr]:
    """The values that are given to one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                yield from _parts(target, node.value, names)


def _parts(target: ast.expr, value: ast.expr, names: list[str]) -> Iterator[ast.expr]:
    """Of `a, b = f(), g()` with the name b the expression g()."""
    if isinstance(target, ast.Name):
        if target.id in names and not isinstance(value, ast.Name):  # another name for it makes nothing
            yield value
    elif isinstance(target, (ast.Tuple, ast.List)):
        apart = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
        for place, one in enumerate(target.elts):
            yield from _parts(one, value.elts[place] if apart else value, names)
