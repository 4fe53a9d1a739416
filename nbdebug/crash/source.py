"""The user's own text at a stop: the very expression that raised, the statement around it, and the line as it would be mended."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbdebug.crash.scene import Stop
from nbdebug.source_lines import variables_of

ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.List, ast.Tuple)  # need no brackets before a dot


@dataclass
class Block:
    """One level of the nest that a statement lies in."""

    owner: ast.AST
    body: list[ast.stmt]
    index: int  # of the statement that holds what raised


class Source:
    """The text of a stop's code. `tree` is None when there is no text."""

    is_exact = False  # whether `expression` is the very one that raised

    def __init__(self, stop: Stop) -> None:
        self.stop = stop
        self.text = "".join(linecache.getlines(stop.file))
        self.lines = self.text.splitlines()
        self.tree = _parsed(self.text)
        place = _position(stop)
        self.blocks = list(_nest(self.tree, stop.line, place[2] if place is not None else None)) if self.tree is not None else []
        self.expression = self._expression(place)

    @property
    def statement(self) -> ast.stmt | None:
        return self.blocks[-1].body[self.blocks[-1].index] if self.blocks else None

    def segment(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.text, node) or ""

    def value(self, node: ast.AST) -> Any:
        """What a name or a chain of attributes stands for; None for anything that would have to be run."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        held = variables_of(self.stop.frame)
        value = held.get(node.id, self.stop.frame.f_globals.get(node.id))
        for part in reversed(parts):
            value = getattr(value, part, None)
        return value

    def node_of(self, wanted: Any) -> ast.AST | None:
        """The name in what raised that stands for this very object."""
        if wanted is None or self.expression is None:
            return None
        nodes = (n for n in ast.walk(self.expression) if isinstance(n, (ast.Name, ast.Attribute)) and isinstance(n.ctx, ast.Load))
        return next((node for node in nodes if self.value(node) is wanted), None)

    def argument(self, position: int) -> ast.AST | None:
        """The expression at this position of the call, method or operator that raised."""
        node = self.expression if self.is_exact else None
        if isinstance(node, ast.BinOp):
            return (node.left, node.right)[position] if position < 2 else None
        if isinstance(node, ast.Subscript):
            return node.value if position == 0 else None
        if not isinstance(node, ast.Call):
            return None
        given = list(node.args)
        if isinstance(node.func, ast.Attribute) and not self._is_function(node.func):
            given.insert(0, node.func.value)
        return given[position] if position < len(given) and not isinstance(given[position], ast.Starred) else None

    def keyword(self, name: str) -> ast.AST | None:
        """The expression that is given by this name to the call that raised."""
        keywords = self.expression.keywords if isinstance(self.expression, ast.Call) else []
        return next((k.value for k in keywords if k.arg == name), None)

    def edited(self, node: ast.AST | None, template: str) -> str:
        """The statement's line with this node put into a template such as `{}.flatten(1)`; "" when it cannot be said."""
        if node is None or self.statement is None or node.lineno != node.end_lineno or not self.segment(node):
            return ""
        simple = isinstance(node, ATOMS)
        return self.replaced(node, template.format(self.segment(node) if simple else f"({self.segment(node)})"))

    def replaced(self, node: ast.AST, text: str) -> str:
        """The statement's text, without its indentation, with a node exchanged."""
        statement = self.statement
        if statement is None:
            return ""
        if isinstance(statement, (ast.For, ast.While, ast.With, ast.If, ast.Try, ast.FunctionDef, ast.ClassDef)):
            first = last = node.lineno
        else:
            first, last = statement.lineno, statement.end_lineno
        lines = [line.encode() for line in self.lines[first - 1 : last]]
        begin, end = node.lineno - first, node.end_lineno - first
        joined = lines[begin][: node.col_offset] + text.encode() + lines[end][node.end_col_offset :]
        lines[begin : end + 1] = [joined]
        indent = len(lines[0]) - len(lines[0].lstrip())
        return "\n".join(_without_comment(line.decode()[indent:]) for line in lines)

    def _is_function(self, attribute: ast.Attribute) -> bool:
        """Whether `a.b` names a function or a module, and is not a method of a tensor."""
        owner = self.value(attribute.value)
        return owner is not None and (isinstance(owner, type(ast)) or isinstance(self.value(attribute), _modules()))

    def _expression(self, place: tuple[int, int, int, int] | None) -> ast.AST | None:
        """The smallest expression at the instruction that raised; before Python 3.11 only the statement is known."""
        if self.tree is None or self.statement is None:
            return None
        wanted = (place[0], place[2], place[1], place[3]) if place is not None else None
        fitting = [n for n in ast.walk(self.statement) if isinstance(n, ast.expr) and _place(n) == wanted]
        self.is_exact = bool(fitting)
        return fitting[-1] if fitting else _only_expression(self.statement)


def statement_at(file: str, line: int) -> tuple[ast.stmt | None, str]:
    """The innermost statement of a file at a line, and the text of that line."""
    tree = _parsed("".join(linecache.getlines(file)))
    blocks = list(_nest(tree, line)) if tree is not None else []
    return (blocks[-1].body[blocks[-1].index] if blocks else None), _without_comment(linecache.getline(file, line).strip())


def _place(node: ast.expr) -> tuple[Any, ...]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _position(stop: Stop) -> tuple[int, int, int, int] | None:
    """First and last line, first and last column of what ran, in bytes of the line."""
    code = stop.frame.f_code
    if not hasattr(code, "co_positions") or stop.instruction < 0:
        return None
    places = list(code.co_positions())
    place = places[stop.instruction // 2] if stop.instruction // 2 < len(places) else (None,)
    return None if None in place else place


def _only_expression(statement: ast.stmt) -> ast.AST | None:
    value = getattr(statement, "value", None)
    return value if isinstance(value, ast.expr) else None


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text) if text else None
    except (SyntaxError, ValueError):
        return None


def _nest(node: ast.AST, line: int, column: int | None = None) -> Iterator[Block]:
    """The blocks around a line, outermost first; the column tells statements on one line apart."""
    for name in ("body", "orelse", "finalbody", "handlers"):
        for index, inner in enumerate(body if isinstance(body := getattr(node, name, None), list) else []):
            beyond = column is not None and inner.end_lineno == line and (inner.end_col_offset or 0) <= column
            if inner.lineno <= line <= (inner.end_lineno or inner.lineno) and not beyond:
                if isinstance(inner, ast.stmt):
                    yield Block(node, body, index)
                yield from _nest(inner, line, column)
                return


def _without_comment(line: str) -> str:
    bare, mark, _ = line.partition("  # ")
    return bare.rstrip() if mark else line


def _modules() -> tuple[type, ...]:
    from torch import nn

    return (nn.Module,)
