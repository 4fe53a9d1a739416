"""Which line makes a part of a model: the one that assigns it, in the `__init__` of the class that holds it or on the model afterwards.

Only the text is asked: of the user's own classes, of the notebook's cells, of the script. An answer that is not the only one is none.
"""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Iterator
from typing import Any

from torch import nn

from nbdebug.lines.built import line_that_builds
from nbdebug.lines.names import assignments, called
from nbdebug.lines.sources import function_at, only, parsed, texts
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


def _assigned(tree: ast.AST, attribute: str, *, of: str | None) -> Iterator[ast.expr]:
    """The values that are given to this attribute; `of` names what has it, None stands for anything but self."""
    for target, value in assignments(tree):
        if isinstance(target, ast.Attribute) and target.attr == attribute:
            name = target.value.id if isinstance(target.value, ast.Name) else ""
            if name == of if of is not None else name != "self":
                yield value


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
        if isinstance(node, ast.Call) and called(node) == type(model).__name__ and list(map(called, node.args)) == kinds
    )
    return only(calls)
