"""The loop that a frame is in, from its source: where its body begins, and which variables it hands from pass to pass."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType

Function = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
SUSPENDS = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)  # the frame is left in the middle of the body

COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<genexpr>")  # frames of their own; since Python 3.12 only the last


@dataclass(frozen=True)
class Loop:
    """A `for` or `while` statement of the user's."""

    node: ast.For | ast.While
    code: CodeType  # whose frame runs it
    owner: str  # the class that its function belongs to, for names such as self.__hidden
    targets: frozenset[str]  # what a `for` binds anew
    read: frozenset[str]  # names that the body reads before it binds them
    carried: frozenset[str]  # those of them that the body binds, or that the `for` does: other values in each pass
    obstacle: str = ""  # why the body cannot be run outside of its frame

    def heads(self, line: int) -> bool:
        """Whether this line is where the loop asks for its next item."""
        return isinstance(self.node, ast.For) and self.node.lineno <= line <= (self.node.iter.end_lineno or line)

    def place(self, line: int) -> int:
        """The statement of the body that this line lies in, counted from 0."""
        return next((i for i, s in enumerate(self.node.body) if line <= (s.end_lineno or s.lineno)), len(self.node.body) - 1)


class Loops:
    """Finds loops, each line of a code object once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[CodeType, Loop | None]] = {}
        self._trees: dict[int, tuple[CodeType, ast.AST | None, str]] = {}
        self._loops: dict[int, Loop] = {}  # by the id of their node

    def around(self, frame: FrameType) -> Loop | None:
        """The innermost loop that the frame is in, its header included; None where there is none, or no source."""
        code, line = frame.f_code, frame.f_lineno
        known = self._known.get((id(code), line))
        if known is None or known[0] is not code:
            known = self._known[id(code), line] = (code, self._find(frame, line))
        return known[1]

    def _find(self, frame: FrameType, line: int) -> Loop | None:
        code = frame.f_code
        if id(code) not in self._trees or self._trees[id(code)][0] is not code:
            self._trees[id(code)] = (code, *scope_of(frame))
        _, scope, owner = self._trees[id(code)]
        if isinstance(scope, ast.For):  # a comprehension is nothing but its loop
            return self._loops.setdefault(id(scope), _loop(scope, code, owner))
        around = [n for n in within(scope) if isinstance(n, (ast.For, ast.While)) and _loops(n, line)] if scope is not None else []
        if not around:
            return None
        return self._loops.setdefault(id(around[-1]), _loop(around[-1], code, owner))


def _loops(node: ast.For | ast.While, line: int) -> bool:
    return node.lineno <= line <= (node.body[-1].end_lineno or line)  # what stands under its `else` is no part


def _loop(node: ast.For | ast.While, code: CodeType, owner: str) -> Loop:
    targets = frozenset(_stored(node.target)) if isinstance(node, ast.For) else frozenset()
    read = read_first(node.body)
    suspends = [n for statement in node.body for n in _running(statement) if isinstance(n, SUSPENDS)]
    obstacle = f"line {suspends[0].lineno} leaves the loop's body in the middle ({type(suspends[0]).__name__.lower()})" if suspends else ""
    return Loop(node, code, owner, targets, read, read & (stored(node.body) | targets), obstacle)


# -- from a frame to its piece of source ------------------------------------------------------------------------


def scope_of(frame: FrameType) -> tuple[ast.AST | None, str]:
    """The module or function that a frame runs, parsed, and the class it belongs to; None when the source is not to be had."""
    code = frame.f_code
    source = "".join(linecache.getlines(code.co_filename, frame.f_globals))
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        tree = compile(source, code.co_filename, "exec", ast.PyCF_ONLY_AST | flags, dont_inherit=True)
        compiled = compile(tree, code.co_filename, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None, ""
    if not source or not isinstance(tree, ast.Module):
        return None, ""
    if code.co_name in COMPREHENSIONS:
        return _comprehension(tree, code.co_firstlineno), ""
    if code.co_name == "<module>":  # a cell is compiled statement by statement, and kept as it was: nothing to compare
        return tree, ""
    if not any(inner.co_code == code.co_code for inner in _inner(compiled) if _same_place(inner, code)):
        return None, ""  # the file was changed since it was imported
    return next(((n, owner) for n, owner in _functions(tree, "") if n.name == code.co_name and _first_line(n) == code.co_firstlineno), (None, ""))


def _comprehension(tree: ast.Module, line: int) -> ast.For | None:
    """The `for` statement that a comprehension of one loop stands for; None when there are several in the line, or inside of it."""
    found = [n for n in ast.walk(tree) if isinstance(n, (ast.ListComp, ast.SetComp, ast.GeneratorExp)) and n.lineno == line]
    if len(found) != 1 or len(found[0].generators) != 1:
        return None
    generator, value = found[0].generators[0], ast.copy_location(ast.Expr(found[0].elt), found[0].elt)
    body: ast.stmt = value
    for condition in reversed(generator.ifs):
        body = ast.copy_location(ast.If(condition, [body], []), condition)
    return ast.copy_location(ast.For(generator.target, generator.iter, [body], []), found[0])


def _same_place(one: CodeType, other: CodeType) -> bool:
    return (one.co_name, one.co_firstlineno) == (other.co_name, other.co_firstlineno)


def _inner(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner(constant)


def _functions(node: ast.AST, owner: str) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield child, owner
        yield from _functions(child, child.name if isinstance(child, ast.ClassDef) else owner)


def _first_line(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([function.lineno, *(d.lineno for d in function.decorator_list)])


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """The node itself, and what runs with it."""
    yield node
    if not isinstance(node, (*Function, ast.ClassDef)):
        yield from within(node)


def within(node: ast.AST) -> Iterator[ast.AST]:
    """What lies in this node and runs in its frame, be it a function: not what functions and classes in it hold. Outer ones first."""
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


# -- which names a body reads and binds -------------------------------------------------------------------------


def stored(statements: list[ast.stmt]) -> frozenset[str]:
    """Every name that the statements bind in their own frame."""
    return frozenset(name for statement in statements for name in _stored(statement))


def stored_above(statements: list[ast.stmt], line: int) -> frozenset[str]:
    """Those that they bind in lines above this one."""
    return frozenset(name for statement in statements for name, at in _stored_at(statement) if at < line)


def stored_from(statements: list[ast.stmt], line: int) -> frozenset[str]:
    """Those that they bind in this line, or below it."""
    return frozenset(name for statement in statements for name, at in _stored_at(statement) if at >= line)


def loaded(statements: list[ast.stmt], *, above: int = 0, below: int = 2**31) -> frozenset[str]:
    """The names that they read in lines after `above` and before `below`."""
    names = (n for s in statements for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return frozenset(n.id for n in names if above < n.lineno < below)


def read_first(statements: list[ast.stmt]) -> frozenset[str]:
    """Names that may be read before the statements bind them; rather one too many."""
    return frozenset(_read_first(statements, set()))


def _stored(node: ast.AST) -> Iterator[str]:
    yield from (name for name, _ in _stored_at(node))


def _stored_at(node: ast.AST) -> Iterator[tuple[str, int]]:
    for inner in _running(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, (ast.Store, ast.Del)):
            yield inner.id, inner.lineno
        elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield inner.name, inner.lineno
        elif isinstance(inner, ast.alias):
            yield (inner.asname or inner.name).partition(".")[0], inner.lineno
        elif isinstance(inner, ast.ExceptHandler) and inner.name:
            yield inner.name, inner.lineno


def _read_first(statements: list[ast.stmt], bound: set[str]) -> set[str]:
    """Adds to `bound` what the statements bind in any case."""
    read: set[str] = set()
    for statement in statements:
        if isinstance(statement, ast.With):
            for item in statement.items:
                read |= _loaded(item.context_expr) - bound
                bound |= set(_stored(item.optional_vars)) if item.optional_vars is not None else set()
            read |= _read_first(statement.body, bound)
        elif isinstance(statement, (ast.If, ast.For, ast.While, ast.Try)):
            read |= _read_in_branches(statement, bound)
        else:
            read |= _loaded(statement) - bound
            bound |= set(_stored(statement))
    return read


def _read_in_branches(statement: ast.If | ast.For | ast.While | ast.Try, bound: set[str]) -> set[str]:
    read = _loaded(statement.iter if isinstance(statement, ast.For) else getattr(statement, "test", ast.Pass())) - bound
    targets = set(_stored(statement.target)) if isinstance(statement, ast.For) else set()
    handlers = [handler.body for handler in getattr(statement, "handlers", ())]
    branches = [statement.body, statement.orelse, *handlers, getattr(statement, "finalbody", [])]
    kinds = set().union(*(_loaded(h.type) for h in getattr(statement, "handlers", ()) if h.type is not None))
    return read | (kinds - bound) | set().union(*(_read_first(branch, bound | targets) for branch in branches))


def _loaded(node: ast.AST) -> set[str]:
    """Every name that is read, in inner functions too; the target of `x += 1` is."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return names | {n.target.id for n in ast.walk(node) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)}
