"""Where a text puts one object into several places, and the words that say that it is meant."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

ON_PURPOSE = re.compile(
    r"shar(?:e|ing)|(?<![a-z])(?:ti(?:e|ed|es|eing)|tying)(?![a-z])|reus|recurr|recursi|univers|albert|siames|unroll"
    r"|same (?:layer|block|weights|module)", re.I,
)  # fmt: skip


def repetitions(tree: ast.AST, me: str = "self") -> Iterator[ast.AST]:
    """`[layer] * 3`, `[layer for _ in range(3)]`, `dict.fromkeys(names, Layer())`, a name appended in a loop that does not make it, `self.a = self.b = Layer()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            if any(isinstance(side, (ast.List, ast.Tuple)) and not all(isinstance(e, ast.Constant) for e in side.elts) for side in (node.left, node.right)):
                yield node
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.DictComp)):
            held = node.value if isinstance(node, ast.DictComp) else node.elt
            bound = {n.id for c in node.generators for n in ast.walk(c.target) if isinstance(n, ast.Name)}
            if isinstance(held, (ast.Name, ast.Attribute)) and not bound & {n.id for n in ast.walk(held) if isinstance(n, ast.Name)}:
                yield node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fromkeys":
            if len(node.args) > 1 and not isinstance(node.args[1], ast.Constant):
                yield node
        elif isinstance(node, ast.For):
            made = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            yield from (call for call in ast.walk(node) if _appends_one(call, made))
        elif isinstance(node, ast.Assign) and len(node.targets) > 1 and isinstance(node.value, ast.Call) and all(_is_of(target, me) for target in node.targets):
            yield node


def _is_of(target: ast.expr, me: str) -> bool:
    while isinstance(target, ast.Attribute):
        target = target.value
        if isinstance(target, ast.Name):
            return target.id == me
    return False


def _appends_one(node: ast.AST, made: set[str]) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in ("append", "add_module"):
        return False
    last = node.args[-1] if node.args else None
    return isinstance(last, ast.Attribute) or (isinstance(last, ast.Name) and last.id not in made)
