"""What the text of a loop says, for what no call can show: which statement makes a list grow, what a sum is divided by."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from nbdebug.findings import Location
from nbdebug.instruments.watch.result import Source
from nbdebug.lines.sources import texts
from nbdebug.source_lines import SourceLine, location_fields

GROWS = ("append", "appendleft", "extend", "add", "insert", "update")  # methods by which a container takes something in
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True)
class Scope:
    """The statements of one function, or of a cell or module, without those of the functions inside."""

    name: str  # "" of a cell or a module
    node: ast.AST
    first: Location  # of line 1 of the text that the node was read from
    ran: bool  # it was seen running

    def place(self, node: ast.AST) -> Location:
        return replace(self.first, line=(self.first.line or 1) + node.lineno - 1)  # type: ignore[attr-defined]

    def nodes(self) -> Iterator[ast.AST]:
        """Everything in it, in the order of the text."""
        ahead = list(reversed(list(ast.iter_child_nodes(self.node))))
        while ahead:
            node = ahead.pop()
            yield node
            if not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
                ahead.extend(reversed(list(ast.iter_child_nodes(node))))

    def around(self, inner: ast.AST) -> list[ast.AST]:
        """What encloses a node, the nearest first."""
        parents = {child: node for node in (self.node, *self.nodes()) for child in ast.iter_child_nodes(node)}
        found = []
        while inner in parents and inner is not self.node:
            inner = parents[inner]
            found.append(inner)
        return found

    def loops(self, inner: ast.AST) -> list[ast.AST]:
        """The loops around a node, the innermost first."""
        return [node for node in self.around(inner) if isinstance(node, LOOPS)]

    def covers(self, node: ast.AST, place: Location) -> bool:
        """Whether a line lies in a node's text."""
        if (place.file, place.cell) != (self.first.file, self.first.cell) or place.line is None:
            return False
        last = (self.first.line or 1) + (getattr(node, "end_lineno", None) or node.lineno) - 1  # type: ignore[attr-defined]
        return (self.place(node).line or 0) <= place.line <= last


def scopes(sources: Sequence[Source]) -> list[Scope]:
    """Every function and cell that was read, each once, in the order in which they first ran."""
    found: dict[tuple[str, int | None, int, str], Scope] = {}
    began = {(s.place.file, s.place.cell, s.place.line) for s in sources if s.function}
    for source in sources:
        tree = _parsed(source.text)
        if tree is None or source.place.line is None:
            continue
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS) or (node is tree and not source.function):
                name = getattr(node, "name", "")
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) if isinstance(node, FUNCTIONS) else 0
                key = (source.place.file, source.place.cell, source.place.line + first - 1)
                found.setdefault((*key, name), Scope(name, node, source.place, node is tree or key in began))
    return list(found.values())


def dotted(node: ast.AST | None) -> str:
    """The variable behind an expression: `self.history` of `self.history["loss"][-1]`; "" of anything else."""
    if isinstance(node, ast.Subscript):
        return dotted(node.value)
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return node.id if isinstance(node, ast.Name) else ""


def targets(node: ast.AST) -> list[ast.expr]:
    """What a statement assigns to, out of tuples."""
    given = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.For)) else []
    found: list[ast.expr] = []
    while given:
        target, *given = given
        if isinstance(target, (ast.Tuple, ast.List)):
            given = [*target.elts, *given]
        else:
            found.append(target.value if isinstance(target, ast.Starred) else target)
    return found


def names(node: ast.AST | None) -> set[str]:
    """Every variable that an expression speaks of, with and without its attributes."""
    return {name for part in ast.walk(node) if (name := dotted(part))} if node is not None else set()


def calls(node: ast.AST | None, *called: str) -> list[ast.Call]:
    """The calls of these methods or functions inside an expression, by their last name."""
    parts = ast.walk(node) if node is not None else ()
    return [part for part in parts if isinstance(part, ast.Call) and last_name(part.func) in called]


def last_name(node: ast.AST) -> str:
    """`item` of `loss.mean().item`, `len` of `len`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def where_it_grows(known: Iterable[Scope], holder: str, function: str) -> tuple[Location, str] | None:
    """The statement by which a variable takes in ever more, and what it is: "added", "appended" or "carried over"."""
    base = holder.partition("[")[0]
    ordered = sorted(known, key=lambda scope: scope.name != function)
    for wanted in (base, f"self.{base.rpartition('.')[2]}") if "." in base else (base,):
        for scope in ordered:
            if scope.name != function and "." not in wanted:
                continue  # another function's variable of the same name
            statements = [(node, kind) for node in scope.nodes() if (kind := _growth(node, wanted))]
            exact = [found for found in statements if holder in ast.unparse(found[0])]
            for node, kind in exact or statements:
                return scope.place(node), kind
    return None


def where_its_name_grows(holder: str) -> tuple[Location, str] | None:
    """The same in any function or method of the script or notebook, whatever it calls the object: the only statement that feeds an attribute of this name."""
    attribute = re.sub(r"\[[^\]]*\]", "", holder).rpartition(".")[2]
    found = {(text, cell, node.lineno): kind for text, cell, tree in texts() for node in ast.walk(tree) for kind in [_feeds(node, attribute)] if kind}  # type: ignore[attr-defined]
    if len(found) != 1:
        return None
    (((text, cell, line), kind),) = found.items()
    return Location(**location_fields(SourceLine(text, line, cell, ""))), kind


def _feeds(node: ast.AST, attribute: str) -> str:
    """As `_growth`, for an attribute of this name whatever it belongs to."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner: ast.AST | None = node.func.value
    else:
        owner = next((t for t in targets(node) if dotted(t).rpartition(".")[2] == attribute), None)
    name = dotted(owner)
    return _growth(node, name) if "." in name and name.rpartition(".")[2] == attribute else ""


def _growth(node: ast.AST, wanted: str) -> str:
    if isinstance(node, ast.AugAssign):
        return "added" if dotted(node.target) == wanted and isinstance(node.op, ast.Add) else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return "appended" if node.func.attr in GROWS and dotted(node.func.value) == wanted else ""
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        hit = [target for target in targets(node) if dotted(target) == wanted]
        if hit and isinstance(hit[0], ast.Subscript):
            return "appended"
        if hit and wanted in names(node.value) and last_name(getattr(node.value, "func", node)) not in ("detach", "item"):
            return "added" if isinstance(node.value, ast.BinOp) else "carried over"
    return ""


@lru_cache(maxsize=256)
def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError):
        return None
