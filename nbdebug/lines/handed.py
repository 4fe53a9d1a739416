"""Which line gave its last value to the variable that a loader hands out: `x_val = x_val.clone()` above `val_loader = DataLoader(TensorDataset(x_val, y_val))`.

Functions of the text that make a loader or a dataset are opened; classes are not, they may do anything with what they are given. An answer that is not the only one is none.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from nbdebug.lines.names import called
from nbdebug.lines.sources import texts
from nbdebug.source_lines import SourceLine

WHOLE = ("DataLoader", "Subset", "ConcatDataset")  # hand out what they are given first
PASSED_ON = 8  # variables that were made of variables
MAKES_NAN = (
    "log", "log10", "log2", "sqrt", "arcsin", "arccos", "shift", "rolling", "pct_change", "diff", "merge", "join", "to_numeric", "reindex", "pivot", "pivot_table",
    "resample", "map", "concat", "read_csv", "power",
)  # fmt: skip


@dataclass(frozen=True)
class _Scope:
    """A text or a function: what its variables are given, in order, and what its parameters stand for."""

    given: tuple[tuple[str, ast.expr], ...]
    functions: dict[str, ast.FunctionDef]
    parameters: dict[str, tuple[ast.expr, _Scope, int]] = field(default_factory=dict)

    def last(self, name: str, before: int) -> ast.expr | None:
        """What it was given last above a line."""
        return next((value for target, value in reversed(self.given) if target == name and value.lineno < before), None)


Known = tuple[ast.expr, _Scope, int]  # an expression, where it stands, and the line that it stands above


def line_that_hands(loader: str, *, targets: bool, outside: bool = False) -> SourceLine | None:
    """Of the variable that this loader's inputs, or targets, lie in.

    Args:
        outside: of functions, which other loaders may be made by as well.
    """
    ends = {value for _, _, tree in texts() for _, value in _given(getattr(tree, "body", []))} if outside else set()
    return _found(loader, targets, lambda values: next((value for value in values if not outside or value in ends), None))


def line_that_casts_for(loader: str, *, targets: bool, kinds: tuple[str, ...]) -> SourceLine | None:
    """The last line on the way to that variable that names one of these dtypes; functions that are called on the way are opened."""
    return _found(loader, targets, lambda values: next((value for value in values if any(_is_kind(part, kinds) for part in ast.walk(value))), None), opened=True)


def line_that_brings_nan(loader: str, *, targets: bool, throughout: bool) -> SourceLine | None:
    """The line on the way to that variable that can make NaN of numbers; else the first, which brought the data.

    Args:
        throughout: every row has one, as after a division by the deviation of a constant.
    """

    def makes(value: ast.expr) -> bool:
        divides = throughout and any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div) or called(part) == "div" for part in ast.walk(value))
        return divides or any(called(part) in MAKES_NAN for part in ast.walk(value))

    return _found(loader, targets, lambda values: next(filter(makes, values), values[-1]))


def _is_kind(part: ast.AST, kinds: tuple[str, ...]) -> bool:
    return isinstance(part, ast.Attribute) and part.attr in kinds or isinstance(part, ast.Constant) and part.value in kinds


def _found(loader: str, targets: bool, chosen: Callable[[list[ast.expr]], ast.expr | None], opened: bool = False) -> SourceLine | None:
    found = []
    for name, cell, tree in texts():
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        scope = _Scope(tuple(_given(getattr(tree, "body", []))), functions)
        made = scope.last(loader, 1 << 30)
        handed = _handed((made, scope, made.lineno), targets, PASSED_ON) if made is not None else None
        values = list(_way(handed, PASSED_ON, opened)) if handed is not None else []
        value = chosen(values) if values and not isinstance(values[0], (ast.List, ast.Dict)) else None
        found += [SourceLine(name, value.lineno, cell, ast.unparse(value))] if value is not None else []
    return found[0] if len(found) == 1 else None


def _given(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        if isinstance(node, ast.Assign):
            yield from (pair for target in node.targets for pair in _each(target, node.value))
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            yield from _each(node.target, node.value)
        yield from _given([*getattr(node, "body", []), *getattr(node, "orelse", [])])


def _each(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, (ast.Tuple, ast.List)):
        same = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
        for one, its in zip(target.elts, value.elts if same else [value] * len(target.elts), strict=True):
            yield from _each(one, its)
    elif isinstance(target, ast.Name):
        yield target.id, value


def _handed(known: Known, targets: bool, deep: int) -> Known | None:
    """What a loader, or a dataset, was made of."""
    node, scope, before = known
    if not deep:
        return None
    if isinstance(node, ast.Name):
        outer = scope.parameters.get(node.id)
        made = scope.last(node.id, before)
        inner = (made, scope, made.lineno) if made is not None else outer
        return _handed(inner, targets, deep - 1) if inner is not None else None
    if not isinstance(node, ast.Call) or any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    if called(node) in scope.functions and isinstance(node.func, ast.Name):
        inside = _inside(scope.functions[node.func.id], node, scope, before)
        return _handed(inside, targets, deep - 1) if inside is not None else None
    if called(node) in WHOLE and node.args:
        return _handed((node.args[0], scope, before), targets, deep - 1)
    if called(node) == "TensorDataset" and len(node.args) > targets:
        return node.args[-1 if targets else 0], scope, before
    return None


def _inside(function: ast.FunctionDef, call: ast.Call, scope: _Scope, before: int) -> Known | None:
    """What a function of the text returns, where that is one thing."""
    returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    if len(returns) != 1:
        return None
    names = [argument.arg for argument in function.args.args]
    bound = dict(zip(names, call.args, strict=False)) | {word.arg: word.value for word in call.keywords if word.arg}
    inner = _Scope(tuple(_given(function.body)), scope.functions, {name: (value, scope, before) for name, value in bound.items()})
    return returns[0], inner, returns[0].lineno + 1


def _way(known: Known, deep: int, opened: bool) -> Iterator[ast.expr]:
    """The values from the last to the first that what is handed out was made by; mere parts of a variable are no step of their own.

    Args:
        opened: go on inside the functions that are called.
    """
    node, scope, before = known
    inside = _called_inside(known) if opened else None
    if inside is not None and deep:
        yield from _way(inside, deep - 1, opened)
        return
    names = {part.id for part in _operands(node) if scope.last(part.id, before) is not None or part.id in scope.parameters}
    if not deep or len(names) != 1:
        return
    (name,) = names
    value = scope.last(name, before)
    if value is None:
        yield from _way(scope.parameters[name], deep - 1, opened)
        return
    further = list(_way((value, scope, value.lineno), deep - 1, opened))
    if not (further and _is_part(value)):
        yield value
    yield from further


def _called_inside(known: Known) -> Known | None:
    """A call of a function of the text, from within."""
    node, scope, before = known
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in scope.functions):
        return None
    inside = _inside(scope.functions[node.func.id], node, scope, before)
    return inside if inside is not None and not isinstance(inside[0], ast.Tuple) else None


def _operands(node: ast.AST) -> Iterator[ast.Name]:
    """The variables in it, but for what is called and what stands in brackets."""
    if isinstance(node, ast.Name):
        yield node
    if isinstance(node, ast.Subscript):
        yield from _operands(node.value)
    elif isinstance(node, ast.Call):
        parts = [*node.args, *(word.value for word in node.keywords)] + ([node.func.value] if isinstance(node.func, ast.Attribute) else [])
        for part in parts:
            yield from _operands(part)
    elif not isinstance(node, ast.Lambda):
        for part in ast.iter_child_nodes(node):
            yield from _operands(part)


def _is_part(value: ast.expr) -> bool:
    """`x[:800]`, but not `table[columns]`, which says what is taken; or `torch.from_numpy(x)`, which is the same numbers."""
    if called(value) == "from_numpy" and isinstance(value, ast.Call) and len(value.args) == 1:
        return isinstance(value.args[0], ast.Name)
    return isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Slice) and isinstance(value.value, ast.Name)
