"""Which variables does a text shuffle, each by a draw of its own? `np.random.shuffle(images)` and below it `np.random.shuffle(labels)`.

Only the text is asked. Draws from the same seed are one order: those that name the same number, or have a seed set between them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug.lines.names import called
from nbdebug.lines.sources import texts
from nbdebug.source_lines import SourceLine

DRAWN = ("permutation", "randperm")  # what an index or a copy in a new order is drawn by
SEEDS = ("seed", "manual_seed", "seed_everything", "set_seed", "default_rng", "RandomState", "set_state", "setstate", "set_rng_state")


@dataclass(frozen=True)
class Shuffled:
    """A statement that brings what a variable holds into another order."""

    name: str  # "images", "self.images", "data.target": what was put into another order
    line: SourceLine
    seeded: str  # the number that its draw names; "" where the draw goes on from the last


@dataclass(frozen=True)
class Apart:
    """Two of them in one block, and no seed set between them; or one alone, and what the block names otherwise."""

    one: Shuffled
    other: Shuffled | None
    before: frozenset[str] = frozenset()  # names that the block gives a value before the draw, and not after it


def shuffled_apart() -> list[Apart]:
    """Of the script, or the cells of the notebook, block by block."""
    found: list[Apart] = []
    for name, cell, tree in texts():
        for block in _blocks(tree):
            found += _of_block(block, name, cell)
    return found


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    yield from (node.body for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.FunctionDef)))


def _of_block(block: list[ast.stmt], file: str, cell: int | None) -> Iterator[Apart]:
    draws = [(place, Shuffled(what, SourceLine(file, node.lineno, cell, ast.unparse(node).split("\n")[0]), seed)) for place, node in enumerate(block) for what, seed in _draws(node)]
    seeds = [place for place, node in enumerate(block) if any(called(part) in SEEDS for part in ast.walk(node))]
    for number, (place, one) in enumerate(draws):
        others = [(later, other) for later, other in draws[number + 1 :] if other.name != one.name and not (one.seeded and one.seeded == other.seeded)]
        yield from (Apart(one, other) for later, other in others if not any(place < seed <= later for seed in seeds))
        if len(draws) == 1:
            yield Apart(one, None, frozenset(_given(block[:place])) - frozenset(_given(block[place:])))


def _given(block: list[ast.stmt]) -> Iterator[str]:
    for node in block:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, (ast.AnnAssign, ast.AugAssign)) else []
        for target in targets:
            yield from (ast.unparse(part) for part in ast.walk(target) if isinstance(part, (ast.Name, ast.Attribute)))


def _draws(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """What the statement puts into another order of its own, and the seed that it names."""
    if isinstance(node, ast.Expr) and called(node.value) == "shuffle" and len(node.value.args) == 1:
        yield _name(node.value.args[0]), _seed(node.value)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value = node.targets[0], node.value
        pairs = list(zip(target.elts, value.elts, strict=True)) if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts) else [(target, value)]
        for to, of in pairs:
            if (drawn := _drawn(to, of)) and drawn[0]:
                yield drawn


def _drawn(target: ast.expr, value: ast.expr) -> tuple[str, str] | None:
    value = _bare(value)
    if isinstance(value, ast.Subscript) and called(index := _bare(value.slice)) in DRAWN:  # x[torch.randperm(len(x))]
        return _name(value.value), _seed(index)
    if not isinstance(value, ast.Call):
        return None
    if called(value) == "shuffle" and len(value.args) == 1 or called(value) == "permutation" and _name(value.args[0] if value.args else value) == _name(target):
        return _name(value.args[0]), _seed(value)
    if called(value) == "train_test_split" and len(value.args) == 1 and isinstance(target, ast.Tuple) and len(target.elts) == 2:
        return _name(value.args[0]), _seed(value)
    if called(value) == "sample" and isinstance(value.func, ast.Attribute) and any(word.arg == "frac" for word in value.keywords):
        return _name(value.func.value), _seed(value)
    return None


def _bare(node: ast.expr) -> ast.expr:
    """Without what only changes its type."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("reset_index", "to_numpy", "copy", "numpy", "tolist"):
        node = node.func.value
    return node


def _name(node: ast.expr) -> str:
    """Of a variable, or of a part of one; "" of anything else, as of `range(n)`."""
    inner = node
    while isinstance(inner, (ast.Attribute, ast.Subscript)):
        if isinstance(inner, ast.Subscript) and not isinstance(inner.slice, ast.Constant):
            return ""
        inner = inner.value
    return ast.unparse(node) if isinstance(inner, ast.Name) else ""


def _seed(call: ast.expr) -> str:
    """What is handed to the draw beside the data, or its generator was made from."""
    words = [ast.unparse(word.value) for word in getattr(call, "keywords", ()) if word.arg in ("random_state", "generator", "seed")]
    maker = call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
    return ",".join(words + ([ast.unparse(maker)] if isinstance(maker, ast.Call) else []))
