"""Which line cuts values off from above: `x.clamp(0, 255)`, `np.clip(x, None, limit)`, `np.minimum(x, limit)`."""

from __future__ import annotations

import ast

from nbdebug.lines.names import called
from nbdebug.lines.sources import only, texts
from nbdebug.source_lines import SourceLine

METHODS = ("clamp", "clamp_", "clip", "clip_")
SMALLER = ("minimum", "fmin", "clamp_max", "clamp_max_", "hardtanh")
UPPER = ("max", "a_max", "upper")


def line_that_clips() -> SourceLine | None:
    """The only line of the script, or of the cells, that does; None where there are several, or none."""
    return only((name, cell, node) for name, cell, node in _clips())


def clips() -> bool:
    """Whether any line does."""
    return next(_clips(), None) is not None


def _clips():
    for name, cell, tree in texts():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _has_upper_end(node):
                yield name, cell, node


def _has_upper_end(node: ast.Call) -> bool:
    kind = called(node)
    if kind in SMALLER:
        return True
    if kind not in METHODS:
        return False
    if any(word.arg in UPPER and not _is_none(word.value) for word in node.keywords):
        return True
    of_module = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id in ("torch", "np", "numpy")
    given = node.args[1:] if of_module else node.args
    return len(given) > 1 and not _is_none(given[1])


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
