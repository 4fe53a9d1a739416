"""Which line switches gradients off around a part of the model: `with torch.no_grad():`, `@torch.no_grad()` above a method.

Only the text is asked, of the script or notebook and of the files of the user's own classes. An answer that is not the only one is none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torch import nn

from nbdebug.lines.names import last_name
from nbdebug.lines.sources import all_texts, only
from nbdebug.source_lines import SourceLine

SWITCHES = ("no_grad", "inference_mode", "set_grad_enabled")


def line_that_switches_off(model: nn.Module, path: str) -> SourceLine | None:
    """The line above what speaks of the part of the model that a parameter belongs to; None where there is none, or more than one.

    Args:
        path: of the parameter, as in `model.named_parameters()`.
    """
    steps = [step for step in path.split(".")[:-1] if not step.isdigit()]
    blocks = [(text, number, switch, body) for text, number, tree in all_texts(model) for switch, body in _blocks(tree)]
    for step in steps:  # the outermost part is what a block would be put around
        found = [(text, number, switch) for text, number, switch, body in blocks if _speaks_of(body, step)]
        if found:
            return only(iter(found))
    return None


def _blocks(tree: ast.AST) -> Iterator[tuple[ast.expr, list[ast.stmt]]]:
    for node in ast.walk(tree):
        switches = [item.context_expr for item in node.items] if isinstance(node, ast.With) else getattr(node, "decorator_list", [])
        for switch in switches:
            if _is_switch(switch):
                yield switch, node.body


def _is_switch(node: ast.expr) -> bool:
    return last_name(node.func if isinstance(node, ast.Call) else node) in SWITCHES


def _speaks_of(body: list[ast.stmt], step: str) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == step for statement in body for node in ast.walk(statement))
