"""The texts that are asked: the script, or the cells of the notebook; and the files of the user's own classes."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache

from torch import nn

from nbdebug.source_lines import SourceLine, is_users


def texts() -> Iterator[tuple[str, int | None, ast.AST]]:
    """The script, or the cells of the notebook of which no later one has the same text, with their numbers."""
    cells = notebook_cells()
    if not cells:
        name = str(vars(sys.modules["__main__"]).get("__file__") or "")
        tree = parsed("".join(linecache.getlines(name)))
        if tree is not None:
            yield name, None, tree
        return
    for number in range(len(cells) - 1, 0, -1):
        tree = parsed(cells[number])
        if tree is not None and cells[number] not in cells[number + 1 :]:
            yield "", number, tree


def all_texts(model: nn.Module) -> Iterator[tuple[str, int | None, ast.AST]]:
    """File, cell and tree of the script or notebook, and of the files of the user's own classes."""
    yield from texts()
    known = {text for text, _, _ in texts()}
    for kind in {type(module) for module in model.modules()}:
        for function in filter(inspect.isfunction, vars(kind).values()):
            name = function.__code__.co_filename
            if name not in known and name.endswith(".py") and is_users(function.__code__):
                known.add(name)
                tree = parsed("".join(linecache.getlines(name)))
                if tree is not None and not any(number is not None for _, number, _ in texts()):
                    yield name, None, tree


def notebook_cells() -> list[str]:
    """What was run in this kernel, by number from 1; empty outside of a notebook."""
    main = vars(sys.modules["__main__"])
    return [str(cell) for cell in main["In"]] if "In" in main and "get_ipython" in main else []


def cell_text(number: int) -> str:
    """The text of a cell; "" where it is gone."""
    cells = notebook_cells()
    return cells[number] if 0 < number < len(cells) else ""


def only(found: Iterable[tuple[str, int | None, ast.expr]]) -> SourceLine | None:
    """The line on which all of these stand; None where there are several, or none."""
    places = {(name, cell, value.lineno) for name, cell, value in found}
    if len(places) != 1:
        return None
    ((name, cell, line),) = places
    text = linecache.getline(name, line) if cell is None else cell_text(cell).splitlines()[line - 1]
    return SourceLine(name, line, cell, text.strip())


def function_at(tree: ast.AST, first: int) -> ast.AST | None:
    """The function that begins there, its decorators included."""
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return next((node for node in functions if first in (node.lineno, *(d.lineno for d in node.decorator_list))), None)


@lru_cache(maxsize=64)
def parsed(text: str) -> ast.AST | None:
    """The tree of a text; None of one that is no Python, as a magic."""
    try:
        return ast.parse(text)
    except SyntaxError:
        return None
