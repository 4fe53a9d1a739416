"""Which of the user's statements run again: from what raised on, or all that made what backward() was asked for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from nbdebug.crash.source import Block, Source
from nbdebug.source_lines import variables_of

NOT_AGAIN = frozenset(  # methods that something outside of the step would notice
    "step zero_grad append extend add_scalar add_scalars add_histogram log write save print update close set_postfix set_description "
    "next pop popleft remove clear put send update_parameters load_state_dict".split()
)
NEVER_AGAIN = ("step", "load_state_dict", "zero_grad", "next")  # statements of which a second run would be felt
RESULT = "returned by the user's function"  # no name that the user can have


def inline(source: Source) -> list[ast.stmt]:
    """Of a lambda or a comprehension: what it computes, not the statement that it is written in."""
    if source.expression is None or not source.is_exact:
        return []
    functions = [n for n in ast.walk(source.statement) if isinstance(n, ast.Lambda)] if source.stop.frame.f_code.co_name == "<lambda>" else []
    around = [f.body for f in functions if any(n is source.expression for n in ast.walk(f.body))]
    value = around[-1] if around else source.expression
    return [ast.copy_location(ast.Assign([ast.Name(RESULT, ast.Store())], value), value)]


def from_here(blocks: list[Block]) -> list[ast.stmt]:
    """What raised and what follows it, out to the loop or function around it, until backward() has run."""
    raising = blocks[-1].body[blocks[-1].index] if blocks else None
    if raising is None or isinstance(raising, (ast.For, ast.While)) or any(calls(raising, name) for name in NEVER_AGAIN):
        return []
    found: list[ast.stmt] = []
    for block in reversed(blocks):
        if isinstance(block.owner, ast.ExceptHandler):
            return []
        after = [s for s in block.body[block.index + 1 :] if _harmless(s)]
        found = [*(found or [raising]), *after]
        if isinstance(block.owner, ast.With):
            found = [ast.copy_location(ast.With(block.owner.items, found), block.owner)]
        if isinstance(block.owner, (ast.For, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.Module, ast.ClassDef)):
            break
    return _until_backward(found)


def before_a_loader(statements: list[ast.stmt], held: dict[str, Any]) -> list[ast.stmt]:
    """As far as nothing is read that cannot be rewound, or is a whole pass over the data."""
    reads = [any(isinstance(held.get(name), (DataLoader, Iterator)) for name in _loaded(statement)) for statement in statements]
    return statements[: reads.index(True)] if True in reads else statements


def _until_backward(statements: list[ast.stmt]) -> list[ast.stmt]:
    for index, statement in enumerate(statements):
        if calls(statement, "backward") or isinstance(statement, (ast.Return, ast.Raise)):
            return statements[: index + 1]
    return statements


def from_the_top(source: Source, cut: bool) -> list[ast.stmt]:
    """The statements that made what backward() was asked for, and the steps between them.

    A name is made again when it holds something with a graph, and any tensor when the graph was `cut` somewhere; everything else is
    as it was left.
    """
    around = [block for block in source.blocks if isinstance(block.owner, (ast.For, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.Module))]
    if not around:
        return []
    block = around[-1]
    held = {**source.stop.frame.f_globals, **variables_of(source.stop.frame)}
    kept = [block.body[block.index]]
    needed = _loaded(kept[0])
    for statement in reversed(block.body[: block.index]):
        names = _stored(statement) | _written_to(statement)
        made_again = {name for name in names & needed if _has_graph(held.get(name)) or (cut and isinstance(held.get(name), Tensor))}
        steps = isinstance(statement, (ast.Expr, ast.If, ast.With)) and any(calls(statement, word) for word in ("backward", "step", "zero_grad"))
        if (made_again or steps) and not isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            kept.insert(0, statement)
            needed |= _loaded(statement)
    return kept


def _has_graph(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.grad_fn is not None
    if isinstance(value, (list, tuple)):
        return any(_has_graph(item) for item in value[:16])
    if isinstance(value, dict):
        return any(_has_graph(item) for item in list(value.values())[:16])
    return not isinstance(value, (nn.Module, Optimizer, type)) and any(_has_graph(v) for v in getattr(value, "__dict__", {}).values() if isinstance(v, Tensor))


def _loaded(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _stored(node: ast.AST) -> set[str]:
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    subscripts = [n for n in ast.walk(node) if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)]
    return names | {n.value.id for n in subscripts if isinstance(n.value, ast.Name)}


def _written_to(node: ast.AST) -> set[str]:
    """Names whose tensor an in-place method of a bare statement writes to."""
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr.endswith("_")]
    return {n.id for call in calls for n in ast.walk(call.func) if isinstance(n, ast.Name)}


def _harmless(statement: ast.stmt) -> bool:
    """Whether a statement after the one that raised may run again."""
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)):
        return not any(calls(statement, name) for name in NOT_AGAIN)
    if isinstance(statement, ast.Expr):
        return calls(statement, "backward") or bool(_written_to(statement))
    if isinstance(statement, ast.With):
        return all(_harmless(inner) for inner in statement.body)
    return False


def calls(node: ast.AST, method: str) -> bool:
    names = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
    return any((f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")) == method for f in names)


def as_assignment(statement: ast.stmt) -> ast.stmt:
    """A return outside of its function."""
    if isinstance(statement, ast.Return):
        value = statement.value or ast.Constant(None)
        return ast.copy_location(ast.Assign([ast.Name(RESULT, ast.Store())], value), statement)
    if isinstance(statement, ast.With):
        return ast.copy_location(ast.With(statement.items, [as_assignment(inner) for inner in statement.body]), statement)
    return statement
