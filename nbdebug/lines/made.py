"""Which line makes what a variable of the user's holds: `train_loader = DataLoader(...)`, `val_set = Subset(...)`.

The variables of the script or notebook say what a thing is called, its text where that name is given. An answer that is not the only one is none.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from typing import Any

from nbdebug.lines.names import assignments, called
from nbdebug.lines.sources import function_at, only, parsed, texts
from nbdebug.source_lines import SourceLine, is_users, line_of_code

DEEP = 8  # Subsets of Subsets
AS_IT_IS = (
    "tensor", "from_numpy", "as_tensor", "asarray", "array", "float", "long", "int", "bool", "str", "item", "astype", "copy", "unsqueeze", "numpy", "to",
    "len", "FloatTensor", "LongTensor", "clone", "contiguous", "dict", "tuple", "list",
)  # fmt: skip


def line_that_makes(thing: Any, name: str = "") -> SourceLine | None:
    """The line whose value a variable holds; None where no line of the user's, or more than one, may have made it.

    Args:
        thing: held by a variable of the script or notebook, or by none.
        name: what it is called by custom, tried where no variable holds it, as inside a function.
    """
    names = names_of(thing) or ([name] if name else [])
    return only((text, number, value) for text, number, tree in texts() for value in _given_to(tree, names))


def line_of_group(optimizer: Any, number: int, setting: str) -> SourceLine | None:
    """The line of one parameter group, where the groups stand written out in the call that makes the optimizer: that of its own setting, None where it has none.

    Args:
        number: of the group, from 0.
        setting: "lr", "weight_decay".
    """
    names = names_of(optimizer) or ["optimizer"]
    made = [(text, cell, value) for text, cell, tree in texts() for value in _given_to(tree, names)]
    if len(made) != 1 or not isinstance(made[0][2], ast.Call):
        return None
    text, cell, call = made[0]
    groups = next((value for value in (*call.args[:1], *(k.value for k in call.keywords if k.arg == "params"))), None)
    if not isinstance(groups, (ast.List, ast.Tuple)) or len(groups.elts) <= number or any(isinstance(group, ast.Starred) for group in groups.elts):
        return None
    group = groups.elts[number]
    if isinstance(group, ast.Dict):
        named = {key.value: value for key, value in zip(group.keys, group.values, strict=True) if isinstance(key, ast.Constant)}
    else:
        named = {k.arg: k.value for k in group.keywords} if isinstance(group, ast.Call) else {}
    return only([(text, cell, named[setting])]) if setting in named else None


def line_of_dataset(loader: Any) -> SourceLine | None:
    """The line that makes the dataset behind a loader, of a Subset the whole; None when it has no name of its own."""
    parts, data = [], loader
    while len(parts) < DEEP and (data := getattr(data, "__dict__", {}).get("dataset")) is not None:
        parts.append(data)
    return next(filter(None, (line_that_makes(part) for part in reversed(parts) if names_of(part))), None)


def line_that_collates(loader: Any) -> SourceLine | None:
    """Where the user's collate function makes the targets of a batch; of one that has another function of the same file make them, there."""
    code = getattr(getattr(loader, "collate_fn", None), "__code__", None)
    if code is None or not is_users(code):
        return None
    source = parsed("".join(linecache.getlines(code.co_filename)))
    body = function_at(source, code.co_firstlineno) if source is not None else None
    returns = [node.value for node in ast.walk(body) if isinstance(node, ast.Return)] if body is not None else []
    given = _part_of(returns[0], "targets") if len(returns) == 1 and returns[0] is not None else None
    functions = {node.name: node for node in ast.walk(source) if isinstance(node, ast.FunctionDef)} if source is not None else {}
    if given is not None and called(given) in functions:
        returns = [node for node in ast.walk(functions[called(given)]) if isinstance(node, ast.Return)]
        return line_of_code(code, returns[-1].lineno) if returns else None
    line = _made_of(body, "targets", cast=True) if body is not None and given is not None else None
    return line_of_code(code, line) if line is not None else None


def line_that_reads(loader: Any, step: str = "", part: str = "", cast: bool = False) -> SourceLine | None:
    """The line in the user's `__getitem__` that calls this step, or works out this part of a sample, or else the last that works something out; None of one that only looks up.

    Args:
        part: of the sample, as in "targets", "inputs[1]" or "mask".
        cast: the line that only brings this part to its type will do.
    """
    data = loader
    for _ in range(DEEP):
        data = getattr(data, "__dict__", {}).get("dataset")
        code = getattr(getattr(type(data), "__getitem__", None), "__code__", None)
        if code is not None and is_users(code):
            source = parsed("".join(linecache.getlines(code.co_filename)))
            body = function_at(source, code.co_firstlineno) if source is not None else None
            line = _reading(body, step, part, cast) if body is not None else None
            return None if line is None else line_of_code(code, line)
    return None


def line_that_orders(loader: Any) -> SourceLine | None:
    """The line in the `__iter__` of the user's own loader that counts its samples through, `order = range(len(self.x))`; None where there is not one."""
    code = getattr(getattr(type(loader), "__iter__", None), "__code__", None)
    if code is None or not is_users(code):
        return None
    source = parsed("".join(linecache.getlines(code.co_filename)))
    body = function_at(source, code.co_firstlineno) if source is not None else None
    values = [value for _, value in assignments(body)] if body is not None else []
    counting = [value.lineno for value in values if called(value) in ("arange", "range", "list") and any(called(part) in ("arange", "range") for part in ast.walk(value))]
    return line_of_code(code, counting[0]) if len(counting) == 1 else None


def line_that_fills(loader: Any, last: bool) -> SourceLine | None:
    """The line of the user's dataset that works out the attribute which its `__getitem__` gives out, first or last of the parts of a sample; None where that is not one line."""
    data = loader
    for _ in range(DEEP):
        data = getattr(data, "__dict__", {}).get("dataset")
        code = getattr(getattr(type(data), "__getitem__", None), "__code__", None)
        if code is not None and is_users(code):
            source = parsed("".join(linecache.getlines(code.co_filename)))
            body = function_at(source, code.co_firstlineno) if source is not None else None
            attribute = _given_out(body, last) if body is not None else None
            owner = next((n for n in ast.walk(source) if isinstance(n, ast.ClassDef) and body in n.body), None) if attribute else None
            lines = [value.lineno for target, value in assignments(owner) if _is_own(target, attribute) and any(map(_works_out, ast.walk(value)))] if owner else []
            return line_of_code(code, lines[0]) if len(lines) == 1 else None
    return None


def _given_out(body: ast.AST, last: bool) -> str | None:
    """The attribute of the dataset that the only return gives in this place."""
    returns = [node.value for node in ast.walk(body) if isinstance(node, ast.Return)]
    if len(returns) != 1 or not isinstance(returns[0], ast.Tuple) or not returns[0].elts:
        return None
    part = returns[0].elts[-1 if last else 0]
    names = [node.attr for node in _without_places(part) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"]
    return names[0] if len(names) == 1 else None


def _is_own(target: ast.AST, attribute: str) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == attribute and isinstance(target.value, ast.Name) and target.value.id == "self"


def _reading(body: ast.AST, step: str, part: str, cast: bool) -> int | None:
    nodes = list(ast.walk(body))
    calls = [node for node in nodes if isinstance(node, ast.Call) and step and isinstance(node.func, ast.Attribute) and node.func.attr == step]
    if calls:
        return calls[0].lineno
    if part and (line := _made_of(body, part, cast)) is not None:
        return line
    works = [node.lineno for node in _without_places(body) if _works_out(node)]
    returns = [node for node in nodes if isinstance(node, ast.Return) and any(map(_works_out, _without_places(node)))]
    return returns[-1].lineno if returns else max(works, default=None)


def _made_of(body: ast.AST, part: str, cast: bool) -> int | None:
    """The line on which what the only return gives as this part was last worked out, or else brought to its type; None where it is given as it lies."""
    returns = [node.value for node in ast.walk(body) if isinstance(node, ast.Return)]
    given = _part_of(returns[0], part) if len(returns) == 1 and returns[0] is not None else None
    if given is None or any(map(_works_out, _without_places(given))):
        return given.lineno if given is not None else None
    names = {node.id for node in ast.walk(given) if isinstance(node, ast.Name)}
    made = [value for target, value in assignments(body) if isinstance(target, ast.Name) and target.id in names]
    worked = [value.lineno for value in made if any(map(_works_out, _without_places(value)))]
    typed = [value.lineno for value in made if isinstance(value.value if isinstance(value, ast.Subscript) else value, ast.Call)] or [given.lineno] * (cast and any(isinstance(node, ast.Call) for node in ast.walk(given)))
    return max(worked or typed, default=None)


def _part_of(given: ast.expr, part: str) -> ast.expr | None:
    """The expression for one part of a sample: of a tuple the last is the target, of a dict the one of that name."""
    if isinstance(given, ast.Dict):
        return next((value for key, value in zip(given.keys, given.values, strict=True) if isinstance(key, ast.Constant) and key.value == part), None)
    if not isinstance(given, ast.Tuple) or len(given.elts) < 2:
        return None
    if part == "targets":
        return given.elts[-1]
    if part == "inputs" and len(given.elts) == 2:
        return given.elts[0]
    place = part.removeprefix("inputs[").removesuffix("]")
    return given.elts[int(place)] if part.startswith("inputs[") and place.isdigit() and int(place) < len(given.elts) - 1 else None


def _works_out(node: ast.AST) -> bool:
    """Whether it makes other numbers: arithmetic, or a call that is no mere change of type."""
    if isinstance(node, ast.Call):
        return called(node) not in AS_IT_IS
    return isinstance(node, ast.BinOp)


def _without_places(node: ast.AST) -> Iterator[ast.AST]:
    """What is under it, but for what stands in the brackets of `rows[2 * i]`."""
    yield node
    for child in [node.value] if isinstance(node, ast.Subscript) else ast.iter_child_nodes(node):
        yield from _without_places(child)


def names_of(thing: Any) -> list[str]:
    """The variables that hold it."""
    return [name for name, value in list(vars(sys.modules["__main__"]).items()) if value is thing and not name.startswith("_")]


def _given_to(tree: ast.AST, names: list[str]) -> Iterator[ast.expr]:
    """The values that are given to one of these names; another name for a thing makes nothing."""
    yield from (value for target, value in assignments(tree) if isinstance(target, ast.Name) and target.id in names and not isinstance(value, ast.Name))
