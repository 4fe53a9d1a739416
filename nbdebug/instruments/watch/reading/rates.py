"""Rates of one batch that divide by a count of their own, such as recall: hits by how many there were, which no two batches have alike."""

from __future__ import annotations

import ast
import re

from nbdebug.instruments.watch.reading.metrics import BARE, Round
from nbdebug.instruments.watch.reading.source import Scope, dotted, last_name
from nbdebug.instruments.watch.reading.written import everything
from nbdebug.instruments.watch.result import WatchResult

NAMED = re.compile(r"(^|_)(recall|rec|precision|prec|sensitivity|specificity|tpr|fpr|tnr|fnr|ppv|npv|f1)s?(_|$)", re.IGNORECASE)
OF_A_QUERY = re.compile(r"(^|_)(at|top)_?\d*k?(_|$)|@|(?<=[a-z])\d+k?$", re.IGNORECASE)  # recall at 10: one number for each query, averaged on purpose
BOUNDS = ("max", "clamp", "clamp_min", "maximum", "clip")  # that keep a divisor from 0
COUNTING = ("sum", "count_nonzero")
DEPTH = 8  # names behind names


def rate(result: WatchResult, round_: Round, total: str, value: ast.expr) -> str:
    """The name of a rate that is added up in each batch; "" of what is none, or divides by a number that every batch has alike."""
    inner: ast.expr | None = value
    while isinstance(inner, ast.Call) and last_name(inner.func) in BARE:
        inner = _inner(inner)
    called = [total, last_name(inner.func) if isinstance(inner, ast.Call) else inner.id if isinstance(inner, ast.Name) else ""]
    name = next((one for one in reversed(called) if NAMED.search(one) and not (OF_A_QUERY.search(one) and not one.lower().endswith("f1"))), "")
    return name if name and _divides(result, round_.body, value) else ""


def _divides(result: WatchResult, body: list[ast.AST], value: ast.expr | None, depth: int = 0) -> bool:
    """Whether a value is a count over another count, both of the one batch."""
    if value is None or depth > DEPTH:
        return False
    if isinstance(value, ast.Name):
        return _divides(result, body, _given(body, value.id), depth + 1)
    if isinstance(value, ast.IfExp):  # hits / there if there else 0.0
        return any(_divides(result, body, part, depth + 1) for part in (value.body, value.orelse))
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        return any(_divides(result, body, part, depth + 1) for part in (value.left, value.right))
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Div):
        return _is_count(body, value.left) and _is_count(body, value.right)
    if not isinstance(value, ast.Call):
        return False
    if last_name(value.func) in BARE:
        return _divides(result, body, _inner(value), depth + 1)
    found = [scope for scope in everything(result) if scope.name == last_name(value.func)]
    return len(found) == 1 and _returns_a_rate(result, found[0], depth)


def _returns_a_rate(result: WatchResult, scope: Scope, depth: int) -> bool:
    body = list(scope.nodes())
    returned = [n.value for n in body if isinstance(n, ast.Return)]
    return any(_divides(result, body, one, depth + 2) for one in returned)


def _is_count(body: list[ast.AST], value: ast.expr | None, depth: int = 0) -> bool:
    """Whether a number is added up over the values of a whole batch: y.sum(), tp + fn, max(there, 1); not y.sum(1), nor len(y)."""
    if value is None or depth > DEPTH:
        return False
    if isinstance(value, ast.Name):
        return _is_count(body, _given(body, value.id), depth + 1)
    if isinstance(value, ast.IfExp):
        return _is_count(body, value.body, depth + 1) or _is_count(body, value.orelse, depth + 1)
    if isinstance(value, ast.BinOp):
        return any(_is_count(body, part, depth + 1) for part in (value.left, value.right))
    if not isinstance(value, ast.Call):
        return False
    called, by_torch = last_name(value.func), _is_function(value)
    if called in COUNTING:
        return len(value.args) == by_torch and not any(k.arg in ("dim", "axis", "keepdim", "keepdims") for k in value.keywords)
    if called in BOUNDS:
        parts = value.args if by_torch else [value.func.value]  # type: ignore[attr-defined]
        return any(_is_count(body, part, depth + 1) for part in parts)
    return called in BARE and _is_count(body, _inner(value), depth + 1)


def _is_function(call: ast.Call) -> bool:
    """torch.sum(x), np.sum(x) and sum(x), rather than x.sum()."""
    return isinstance(call.func, ast.Name) or (isinstance(call.func, ast.Attribute) and dotted(call.func.value) in ("torch", "np", "numpy"))


def _inner(call: ast.Call) -> ast.expr | None:
    """What float(x), x.item() and torch.tensor(x) hold."""
    if _is_function(call):
        return call.args[0] if call.args else None
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def _given(body: list[ast.AST], name: str) -> ast.expr | None:
    """What a variable is given last; also as one of several: hits, there = a, b."""
    made: ast.expr | None = None
    for node in body:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Name) and target.id == name:
                made = node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) and len(target.elts) == len(node.value.elts):
                made = next((v for t, v in zip(target.elts, node.value.elts, strict=True) if dotted(t) == name), made)
    return made
