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

CONTAINERS = ("Sequential", "ModuleList")


def line_that_assigns(model: nn.Module, path: str) -> SourceLine | None:
    """The line that makes the module or parameter at a dotted path; None where no line of the user's, or more than one, may have made it.

    Args:
        path: as in `model.named_modules()` or `model.named_parameters()`.
    """
    steps = path.split(".")
    part = _at(model, steps) or _at(model, steps[:-1])
    kind = type(part).__name__ if isinstance(part, nn.Module) else ""
    for depth in range(len(steps), 0, -1):  # the deepest class of the user's knows best
        owner = _at(model, steps[: depth - 1])
        if owner is None:
            continue
        found = _afterwards(steps[0], steps[1:], kind) if depth == 1 else None
        found = found or _in_init(type(owner), steps[depth - 1], steps[depth:], kind)
        if found is not None:
            return found
    if isinstance(model, nn.Sequential) and steps[0] in model._modules:
        behind = len(model) - list(model._modules).index(steps[0])
        return _element_of(model, steps[0], steps[1:]) or only((text, number, found) for text, number, tree in texts() if (found := _of_a_list(tree, tree, kind, behind)) is not None)
    return line_that_builds(kind) if kind else None


def _at(model: Any, steps: list[str]) -> Any:
    for step in steps:
        model = getattr(model, step, None) if isinstance(model, nn.Module) else None
    return model if isinstance(model, nn.Module) else None


# -- in a class -------------------------------------------------------------------------------------------------------


def _in_init(kind: type, attribute: str, rest: list[str], layer: str) -> SourceLine | None:
    """The line in a method of the user's class that sets `self.attribute`; of a Sequential the line of its element."""
    for base in kind.__mro__:
        for function in (value for value in vars(base).values() if inspect.isfunction(value)):
            if not is_users(function.__code__):
                continue
            source = parsed("".join(linecache.getlines(function.__code__.co_filename)))
            body = function_at(source, function.__code__.co_firstlineno) if source is not None else None
            values = list(_assigned(body, attribute, of="self")) if body is not None else []
            if len(values) == 1 and body is not None:
                return line_of_code(function.__code__, _element(values[0], rest, body, layer).lineno)
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


def _element(value: ast.expr, rest: list[str], tree: ast.AST, layer: str) -> ast.expr:
    """The expression that makes a layer; of `nn.Sequential(*layers)` the one that puts it into that list."""
    narrowed = _narrowed(value, rest)
    return (_of_a_list(narrowed, tree, layer) if rest else None) or narrowed


def _narrowed(value: ast.expr, rest: list[str]) -> ast.expr:
    """Of `nn.Sequential(a, b)` with the next step "1" the expression b; of a dictionary the one with that name."""
    while rest and isinstance(value, ast.Call) and rest[0] in (elements := _elements(value)):
        value, rest = elements[rest[0]], rest[1:]
    return value


def _elements(call: ast.Call) -> dict[str, ast.expr]:
    """What a container is written with, by the name that each has in it; empty where a `*` hides them."""
    items = call.args
    if len(items) == 1 and called(items[0]) == "OrderedDict":
        items, named = items[0].args, {key.arg: key.value for key in items[0].keywords if key.arg}  # type: ignore[attr-defined]
        if named and not items:
            return named
    if len(items) == 1 and (named := _by_name(items[0])):
        return named
    if len(items) == 1 and isinstance(items[0], (ast.List, ast.Tuple)):  # ModuleList([a, b])
        items = items[0].elts
    return {} if any(isinstance(item, ast.Starred) for item in items) else {str(n): item for n, item in enumerate(items)}


def _by_name(items: ast.expr) -> dict[str, ast.expr]:
    """Of `{"head": a}` and `[("head", a)]`; empty of anything else."""
    pairs = list(zip(items.keys, items.values, strict=True)) if isinstance(items, ast.Dict) else []
    if isinstance(items, (ast.List, ast.Tuple)) and all(isinstance(item, ast.Tuple) and len(item.elts) == 2 for item in items.elts):
        pairs = [tuple(item.elts) for item in items.elts]  # type: ignore[attr-defined]
    return {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}


def _of_a_list(value: ast.AST, tree: ast.AST, layer: str, behind: int = 0) -> ast.expr | None:
    """The one expression that puts a layer of this class into the list that a container in here is made from.

    Args:
        behind: elements from this layer to the end; only of what lies before them is `nn.Sequential(*layers, last)` asked.
    """
    made = (node.args[0] for node in ast.walk(value) if called(node) in CONTAINERS and _begins_with_a_list(node.args, behind))  # type: ignore[attr-defined]
    names = {item.id for given in made for item in [given.value if isinstance(given, ast.Starred) else given] if isinstance(item, ast.Name)}
    found = {e.lineno: e for node in ast.walk(tree) for name in names for e in _put_in(node, name) if layer and called(e) == layer}
    return next(iter(found.values())) if len(found) == 1 and len(names) == 1 else None


def _begins_with_a_list(given: list[ast.expr], behind: int) -> bool:
    return len(given) == 1 or (len(given) > 1 and isinstance(given[0], ast.Starred) and not any(isinstance(one, ast.Starred) for one in given[1:]) and behind >= len(given))


def _put_in(node: ast.AST, name: str) -> list[ast.expr]:
    """What a statement puts into a list: `layers += [a, b]`, `layers = [a]`, `layers.append(a)`, `layers.extend([a])`."""
    owner, given = None, None
    if isinstance(node, ast.AugAssign):
        owner, given = node.target, node.value
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        owner, given = node.targets[0], node.value
    elif called(node) in ("append", "extend") and isinstance(node.func, ast.Attribute) and len(node.args) == 1:  # type: ignore[attr-defined]
        owner, given = node.func.value, node.args[0]  # type: ignore[attr-defined]
    if not isinstance(owner, ast.Name) or owner.id != name or given is None:
        return []
    return given.elts if isinstance(given, (ast.List, ast.Tuple)) else [given]


# -- outside ----------------------------------------------------------------------------------------------------------


def _afterwards(attribute: str, rest: list[str], layer: str) -> SourceLine | None:
    """The one line outside a class that sets `model.attribute`, as a new head is put on; of a Sequential the line of its element."""
    return only((text, number, _element(value, rest, tree, layer)) for text, number, tree in texts() for value in _assigned(tree, attribute, of=None))


def _element_of(model: nn.Sequential, step: str, rest: list[str]) -> SourceLine | None:
    """The element of the one `nn.Sequential(...)` that is written with these parts; of a part that a function of the user's gives, the element of that."""
    given = [(text, number, found) for text, number, tree in texts() for node in ast.walk(tree) if called(node) == type(model).__name__ and (found := _given_by(node, tree, step, rest)) is not None]  # type: ignore[arg-type]
    if rest and (line := only(given)) is not None:
        return line
    kinds = {name: type(part).__name__ for name, part in model.named_children()}
    calls = (
        (text, number, _narrowed(node, [step]))
        for text, number, tree in texts()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) == type(model).__name__ and {name: called(part) for name, part in _elements(node).items()} == kinds
    )
    return only(calls)


def _given_by(container: ast.Call, tree: ast.AST, step: str, rest: list[str]) -> ast.expr | None:
    """Of `nn.Sequential(block(1, 8), ...)` the element of the one container that the function `block` returns."""
    part = _elements(container).get(step)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and part is not None and node.name == called(part)]
    returned = [node.value for function in functions for node in ast.walk(function) if isinstance(node, ast.Return) and isinstance(node.value, ast.Call)]
    return _narrowed(returned[0], rest) if len(functions) == len(returned) == 1 and _elements(returned[0]).keys() & set(rest[:1]) else None
