"""Where the result of an expression goes: the statements of a text in order, the functions that they call opened, and the variables that the result reaches by name.

Only the text is asked. A table's column that is set taints what uses that column, or the whole table.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from nbdebug.lines.sources import texts
from nbdebug.source_lines import SourceLine

Names = dict[str, tuple[ast.expr, "Names"]]  # a name of a function → what it stands for, and the names that hold there
COMPOUND = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
BITWISE = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift, ast.Mod)
NOTHING = ast.Name("\0")  # what nobody knows
MEANT = ("hash", "checksum", "crc", "parity", "seed", "rand")  # in the names around arithmetic that is to wrap round
DEEP, MOST = 2, 200  # functions that call functions; expressions of a statement


@dataclass(frozen=True)
class Reaching:
    """An expression of the text, and where its result goes."""

    node: ast.expr
    line: SourceLine
    function: str  # that it stands in; "" in the text itself
    names: Names  # of that function
    lost: frozenset[str]  # variables of the text that hold something else by now
    reaches: frozenset[str]  # variables of the text


def reaching(wanted: Callable[[ast.expr], bool]) -> Iterator[Reaching]:
    """Every expression that is wanted, in the text or in a function that it calls, and that is not meant to be cut to its lowest bits."""
    for name, cell, tree in texts():
        body = _statements(getattr(tree, "body", []))
        functions = _functions(tree)
        for place, statement in enumerate(body):
            found = list(islice(_within(statement, "", {}, functions, wanted, DEEP), MOST))
            if not found or _is_meant(statement, body[place + 1 :]):
                continue
            lost = frozenset(target for later in body[place:] for target in _plain_targets(later))
            reaches = _reached(statement, body[place + 1 :])
            for node, function, names in found:
                yield Reaching(node, SourceLine(name, node.lineno, cell, ast.unparse(node)), function, names, lost, reaches)


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """In order, those under an `if`, a `for` or a `with` too; not where overflow is ignored, as it is where it is meant."""
    found: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.With) and any("errstate" in ast.unparse(item.context_expr) for item in node.items):
            continue
        inner = [part for name in ("body", "orelse") for part in getattr(node, name, [])] if isinstance(node, (ast.If, ast.With, ast.For, ast.Try)) else []
        found += _statements(inner) if inner else [node]
    return found


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement, but not what only a function would do when it is called."""
    if isinstance(node, COMPOUND):
        return
    yield node
    for part in ast.iter_child_nodes(node):
        yield from _walk(part)


def _functions(tree: ast.AST) -> dict[str, ast.FunctionDef]:
    """Those of the text, and for a class what makes its objects."""
    found: dict[str, ast.FunctionDef] = {}
    for node in getattr(tree, "body", []):
        inner = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"] if isinstance(node, ast.ClassDef) else [node]
        for part in inner:
            if isinstance(part, ast.FunctionDef):
                found[node.name] = part
    return found


def _within(statement: ast.stmt, inside: str, names: Names, functions: dict[str, ast.FunctionDef], wanted: Callable[[ast.expr], bool], deep: int) -> Iterator[tuple[ast.expr, str, Names]]:
    """The expressions of a statement, then those of the functions that it calls."""
    for node in _walk(statement):
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):  # each of them as all of them at once
            names = {**names, **{part.target.id: (part.iter, names) for part in node.generators if isinstance(part.target, ast.Name)}}
        if isinstance(node, ast.expr) and wanted(node):
            yield node, inside, names
        if deep and isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            yield from _opened(functions[node.func.id], node, names, functions, wanted, deep - 1)


def _opened(function: ast.FunctionDef, call: ast.Call, outside: Names, functions: dict[str, ast.FunctionDef], wanted: Callable[[ast.expr], bool], deep: int) -> Iterator[tuple[ast.expr, str, Names]]:
    """Those of a function that is called so; its own variables as far as each is given a value in one plain line."""
    if any(word in call.func.id.lower() for word in MEANT) or any(isinstance(part, ast.BinOp) and isinstance(part.op, BITWISE) for part in ast.walk(function)):
        return
    names = _bound(function, call, outside)
    for statement in _statements(function.body):
        yield from _within(statement, call.func.id, names, functions, wanted, deep)
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
            names = {**names, statement.targets[0].id: (statement.value, names)}
        else:
            names = {**names, **dict.fromkeys(_plain_targets(statement), (NOTHING, {}))}


def _bound(function: ast.FunctionDef, call: ast.Call, outside: Names) -> Names:
    asked = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)][function.name == "__init__" :]
    given = dict(zip(asked, call.args, strict=False)) | {word.arg: word.value for word in call.keywords if word.arg}
    defaults = dict(zip(reversed(asked), reversed(function.args.defaults), strict=False))
    return {name: (given[name], outside) if name in given else (defaults.get(name, NOTHING), {}) for name in asked}


def _is_meant(statement: ast.stmt, later: list[ast.stmt]) -> bool:
    """Whether bits are what it is about: a checksum, a hash, a remainder."""
    targets = set(_roots(statement))
    if any(word in ast.unparse(statement).lower() for word in MEANT[:-1]):
        return True
    about = [statement, *(one for one in later if targets & set(_mentioned(one)))]
    return any(isinstance(part, (ast.BinOp, ast.AugAssign)) and isinstance(part.op, BITWISE) and not isinstance(getattr(part, "left", None), ast.Constant) for one in about for part in _walk(one))


def _targets(statement: ast.stmt) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target] if isinstance(statement, (ast.AnnAssign, ast.AugAssign)) else []


def _plain_targets(statement: ast.stmt) -> list[str]:
    return [part.id for target in _targets(statement) for part in ([target, *target.elts] if isinstance(target, (ast.Tuple, ast.List)) else [target]) if isinstance(part, ast.Name)]


def _roots(statement: ast.stmt) -> list[str]:
    """Variables that a statement gives a value, or a part of one."""
    return [part.id for target in _targets(statement) for part in ast.walk(target) if isinstance(part, ast.Name)]


def _mentioned(statement: ast.stmt) -> list[str]:
    return [part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)]


def _reached(statement: ast.stmt, later: list[ast.stmt]) -> frozenset[str]:
    columns = {_column(target) for target in _targets(statement)} - {None}
    reached = set(_roots(statement)) - {root for root, _ in columns}
    for one in later:
        used = reached & set(_mentioned(one)) or any(_uses(one, root, column) for root, column in columns)
        if isinstance(one, COMPOUND):
            reached |= {one.name} if used else set()
        elif used:
            reached |= set(_roots(one)) | _called_on(one)
        else:
            reached -= set(_plain_targets(one))
    return frozenset(reached)


def _column(target: ast.expr) -> tuple[str, str] | None:
    """`trips["micros"]`: the table and the name of the column."""
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str):
        return target.value.id, target.slice.value
    return None


def _uses(statement: ast.stmt, root: str, column: str) -> bool:
    """Whether it uses this column, or the whole table."""
    parts = list(ast.walk(statement))
    if root not in _mentioned(statement):
        return False
    named = any(isinstance(part, ast.Constant) and part.value == column or isinstance(part, ast.Attribute) and part.attr == column for part in parts)
    held = {id(part.value) for part in parts if isinstance(part, (ast.Attribute, ast.Subscript))}
    return named or any(isinstance(part, ast.Name) and part.id == root and id(part) not in held for part in parts)


def _called_on(statement: ast.stmt) -> set[str]:
    """`rows` of `rows.append(x)`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    inner = call.func if isinstance(call, ast.Call) else None
    while isinstance(inner, (ast.Attribute, ast.Subscript)):
        inner = inner.value
    return {inner.id} if isinstance(inner, ast.Name) else set()
