"""What a text calls and assigns, by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

ASKED_AGAIN = 64  # trees of which the answers are kept: each variable of a loop asks the same ones


@lru_cache(maxsize=ASKED_AGAIN)
def assignments(tree: ast.AST) -> tuple[tuple[ast.expr, ast.expr], ...]:
    """Every target with the value that it gets: of `a, b = 1, 2` each its own, of `a, b = pair` each the whole."""
    return tuple(_assignments(tree))


@lru_cache(maxsize=ASKED_AGAIN)
def calls(tree: ast.AST) -> tuple[ast.Call, ...]:
    """Every call, the outer ones first."""
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _assignments(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                yield from _unpacked(target, node.value)


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if not isinstance(target, (ast.Tuple, ast.List)):
        yield target, value
        return
    values = value.elts if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts) else [value] * len(target.elts)
    for one, its in zip(target.elts, values, strict=True):
        yield from _unpacked(one, its)


def last_name(node: ast.AST) -> str:
    """`Linear` of `nn.Linear` and of `Linear`; "" of anything but names."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def called(node: ast.AST) -> str:
    """The last name of what is called; "" of anything but a call."""
    return last_name(node.func) if isinstance(node, ast.Call) else ""


def chain(node: ast.expr) -> list[str]:
    """Of `self.blocks[0].weight` self, blocks and weight; empty of anything but names."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Subscript):
        return chain(node.value)
    before = chain(node.value) if isinstance(node, ast.Attribute) else []
    return [*before, node.attr] if before else []
