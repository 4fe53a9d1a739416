"""Which line makes a part of a model: the one that assigns it, in the `__init__` of the class that holds it or on the model afterwards.

Only the text is asked: of the user's own classes, of the notebook's cells, of the script. An answer that is not the only one is none.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from torch import nn

from nbdebug.built_at import line_that_builds
from nbdebug.source_lines import SourceLine, is_users, line_of_code


def line_that_assigns(model: nn.Module, path: str) -> SourceLine | None:
    """The line that makes the module or parameter at a dotted path; None where no line of the user's, or more than one, may have made it.

    Args:
        path: as in `model.named_modules()` or `model.named_parameters()`.
    """
    steps = path.split(".")
    for depth in range(len(steps), 0, -1):  # the deepest class of the user's knows best
        owner = _at(model, steps[: depth - 1])
        if owner is None:
            continue
        found = _afterwards(steps[0], steps[1:]) if depth == 1 else None
        found = found or _in_init(type(owner), steps[depth - 1], steps[depth:])
        if found is not None:
            return found
    if isinstance(model, nn.Sequential):
        return _element_of(model, steps[0])
    part = _at(model, steps) or _at(model, steps[:-1])
    return line_that_builds(type(part).__name__) if isinstance(part, nn.Module) else None


def _at(model: Any, steps: list[str]) -> Any:
    for step in steps:
        model = getattr(model, step, None) if isinstance(model, nn.Module) else None
    return model if isinstance(model, nn.Module) else None


# -- in a class -------------------------------------------------------------------------------------------------------


def _in_init(kind: type, attribute: str, rest: list[str]) -> SourceLine | None:
    """The line in a method of the user's class that sets `self.attribute`; of a Sequential the line of its element."""
    for base in kind.__mro__:
        for function in (value for value in vars(base).values() if inspect.isfunction(value)):
            if not is_users(function.__code__):
                continue
            source = parsed("".join(linecache.getlines(function.__code__.co_filename)))
            body = function_at(source, function.__code__.co_firstlineno) if source is not None else None
            values = list(_assigned(body, attribute, of="self")) if body is not None else []
            if len(values) == 1:
                return line_of_code(function.__code__, _narrowed(values[0], rest).lineno)
            if values:
                return None
    return None


def function_at(tree: ast.AST, first: int) -> ast.AST | None:
    """The function that begins there, its decorators included."""
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return next((node for node in functions if first in (node.lineno, *(d.lineno for d in node.decorator_list))), None)


def _assigned(tree: ast.AST, attribute: str, *, of: str | None) -> Iterator[ast.expr]:
    """The values that are given to this attribute; `of` names what has it, None stands for anything but self."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target, value in (pair for one in targets for pair in _unpacked(one, node.value)):
                if isinstance(target, ast.Attribute) and target.attr == attribute:
                    name = target.value.id if isinstance(target.value, ast.Name) else ""
                    if name == of if of is not None else name != "self":
                        yield value


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Of `self.a, self.b = 1, 2` each with its own; of `self.a, self.b = pair` each with the whole."""
    if not isinstance(target, (ast.Tuple, ast.List)):
        yield target, value
        return
    values = value.elts if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts) else [value] * len(target.elts)
    for one, its in zip(target.elts, values, strict=True):
        yield from _unpacked(one, its)


def _narrowed(value: ast.expr, rest: list[str]) -> ast.expr:
    """Of `nn.Sequential(a, b)` with the next step "1" the expression b."""
    while rest and isinstance(value, ast.Call) and rest[0].isdigit():
        items = value.args
        if len(items) == 1 and isinstance(items[0], (ast.List, ast.Tuple)):  # ModuleList([a, b])
            items = items[0].elts
        if int(rest[0]) >= len(items) or any(isinstance(item, ast.Starred) for item in items):
            break
        value, rest = items[int(rest[0])], rest[1:]
    return value


# -- outside ----------------------------------------------------------------------------------------------------------


def _afterwards(attribute: str, rest: list[str]) -> SourceLine | None:
    """The one line outside a class that sets `model.attribute`, as a new head is put on; of a Sequential the line of its element."""
    return only((text, number, _narrowed(value, rest)) for text, number, tree in texts() for value in _assigned(tree, attribute, of=None))


def _element_of(model: nn.Sequential, step: str) -> SourceLine | None:
    """The element of the one `nn.Sequential(...)` that is written with these parts."""
    kinds = [type(part).__name__ for part in model]
    calls = (
        (text, number, _narrowed(node, [step]))
        for text, number, tree in texts()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node.func) == type(model).__name__ and list(map(_kind, node.args)) == kinds
    )
    return only(calls)


def _kind(part: ast.expr) -> str:
    return _name(part.func) if isinstance(part, ast.Call) else ""


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def only(found: Iterator[tuple[str, int | None, ast.expr]]) -> SourceLine | None:
    places = {(name, cell, value.lineno) for name, cell, value in found}
    if len(places) != 1:
        return None
    ((name, cell, line),) = places
    text = linecache.getline(name, line) if cell is None else _cells()[cell].splitlines()[line - 1]
    return SourceLine(name, line, cell, text.strip())


def texts() -> Iterator[tuple[str, int | None, ast.AST]]:
    """The script, or the cells of the notebook of which no later one has the same names, with their numbers."""
    cells = _cells()
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


def cell_text(number: int) -> str:
    """The text of a cell; "" where it is gone."""
    cells = _cells()
    return cells[number] if 0 < number < len(cells) else ""


def _cells() -> list[str]:
    main = vars(sys.modules["__main__"])
    return [str(cell) for cell in main["In"]] if "In" in main and "get_ipython" in main else []


@lru_cache(maxsize=64)
def parsed(text: str) -> ast.AST | None:
    try:
        return ast.parse(text)
    except SyntaxError:  # a magic
        return None
