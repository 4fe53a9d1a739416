"""Sums over a loader in one expression: `sum(loss(model(x), y) for x, y in loader) / len(loader)`, and the same in two steps."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbdebug.instruments.watch.reading.metrics import BARE, Division, Round, Sum
from nbdebug.instruments.watch.reading.source import Scope, dotted, last_name, scopes, targets
from nbdebug.instruments.watch.result import WatchResult

SUMS, MEANS = ("sum", "fsum"), ("mean", "fmean", "average")


def comprehended(result: WatchResult) -> Iterator[tuple[Round, Sum, Division]]:
    """What is added up in a comprehension over a loader, and what it is divided by."""
    loaders = {loader.name: loader for loader in result.loaders}
    begun = {(event.place, event.who) for _, event in result.events("epoch") if event.who in loaders}
    for scope in scopes(result.sources):
        for node in scope.nodes() if scope.ran and begun else ():
            inner, name = _comprehension(node), _list_of(node)
            here = {who for place, who in begun if scope.covers(node, place)} if inner is not None else set()
            if inner is None or len(here) != 1:
                continue
            round_ = Round(result, scope, _as_loop(inner, name), loaders[here.pop()])
            if name:
                yield from ((round_, total, division) for total in round_.sums() for division in round_.divisions(total))
            elif isinstance(node, ast.Call) and (known := round_.unit(inner.elt))[0]:
                yield from ((round_, Sum(name, *known, node), division) for name, division in _divisions(scope, round_, node))


def _list_of(node: ast.AST) -> str:
    """The variable that is given a list of something of every batch."""
    simple = isinstance(node, ast.Assign) and isinstance(node.value, ast.ListComp) and len(targets(node)) == 1
    return dotted(node.targets[0]) if simple else ""  # type: ignore[attr-defined]


def _comprehension(node: ast.AST) -> ast.ListComp | ast.GeneratorExp | None:
    """The only argument of a sum or a mean, or the list that a variable gets, over one loader and all of it."""
    inner = node.args[0] if isinstance(node, ast.Call) and last_name(node.func) in (*SUMS, *MEANS) and node.args else node.value if _list_of(node) else None  # type: ignore[attr-defined]
    while isinstance(inner, ast.Call) and last_name(inner.func) in BARE and inner.args:  # torch.tensor([...])
        inner = inner.args[0]
    whole = isinstance(inner, (ast.ListComp, ast.GeneratorExp)) and len(inner.generators) == 1 and not inner.generators[0].ifs
    return inner if whole else None  # type: ignore[return-value]


def _as_loop(inner: ast.ListComp | ast.GeneratorExp, name: str) -> ast.For:
    """The loop that does the same; into a list of this name."""
    only, each = inner.generators[0], inner.elt
    if name:
        each = ast.copy_location(ast.Call(ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load()), [each], []), each)
    return ast.copy_location(ast.For(only.target, only.iter, [ast.copy_location(ast.Expr(each), inner.elt)], []), inner)


def _divisions(scope: Scope, round_: Round, node: ast.Call) -> Iterator[tuple[str, Division]]:
    if last_name(node.func) in MEANS:
        yield ast.unparse(node), Division("batches", "", node)
        return
    owners = [n for n in scope.nodes() if isinstance(n, ast.Assign) and n.value is node and len(targets(n)) == 1]
    if owners and (name := dotted(owners[0].targets[0])):
        yield from ((name, division) for division in round_.divisions(Sum(name, "", False, node)))
    for over in scope.nodes():
        if isinstance(over, ast.BinOp) and isinstance(over.op, ast.Div) and _holds(over.left, node):
            by, counter = round_.divisor(over.right)
            if by:
                yield ast.unparse(node), Division(by, counter, over)


def _holds(value: ast.expr, node: ast.Call) -> bool:
    """The sum itself, or times a constant, or as a number."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        return any(isinstance(a, ast.Constant) and _holds(b, node) for a, b in ((value.left, value.right), (value.right, value.left)))
    while isinstance(value, ast.Call) and value is not node and last_name(value.func) in BARE:
        value = value.args[0] if value.args else value.func.value if isinstance(value.func, ast.Attribute) else node
    return value is node
