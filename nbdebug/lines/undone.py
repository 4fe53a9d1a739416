"""Does a text turn back what it scaled? Of `(y - mean) / std` it is `* std`, of a scaler `inverse_transform`, of a logarithm `exp`.

Only the text is asked. Where it turns anything back, predictions may be among it.
"""

from __future__ import annotations

import ast
import re

from nbdebug.lines.names import called, last_name
from nbdebug.lines.sources import texts

BACK = re.compile(r"inverse|denorm|de_norm|unnorm|unscale|un_scale|descale|destandard|unstandard|rescale|restore|to_(raw|real|original)|expm1|exp\b|exp2|pow|decode_target|postprocess", re.I)


def turns_back() -> bool | None:
    """Whether the script, or a cell, turns scaled numbers back; None where there is no text of a training to ask."""
    nodes = [node for _, _, tree in texts() for node in ast.walk(tree)]
    if not any(called(node) == "backward" for node in nodes):
        return None
    divided = {name for node in nodes if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div) for name in _names(node.right if isinstance(node, ast.BinOp) else node.value)}
    factors = {name for node in nodes if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) for side in (node.left, node.right) for name in _names(side)}
    factors |= {name for node in nodes if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult) for name in _names(node.value)}
    return bool(divided & factors) or any(BACK.search(called(node)) for node in nodes if isinstance(node, ast.Call))


def _names(node: ast.expr) -> set[str]:
    """`std` of `std`, of `self.std`, of `stats["std"]` and of `y.std()`; what a number is, as it is written."""
    if isinstance(node, ast.Constant):
        return {repr(node.value)} if isinstance(node.value, (int, float)) and node.value not in (0, 1, 2) else set()
    if isinstance(node, ast.Subscript):
        return _names(node.value) | ({node.slice.value} if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str) else set())
    if isinstance(node, ast.Call):
        return {ast.unparse(node)} | {name for part in node.args for name in _names(part)}
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):  # std + 1e-6
        return _names(node.left) | _names(node.right)
    name = last_name(node)
    return {name} if name else set()
