"""Naming a value as one would in a cell: `net`, `trainer.model`, `loaders['train']`, `opt_a,opt_b`; without running code."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from nbdebug.errors import SetupError


def look_up(namespace: Mapping[str, Any], text: str) -> Any:
    """The value that `text` names: a variable, its attributes and items, a tuple of such, or None.

    Raises:
        SetupError: there is no such variable, or the text is more than a name.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise SetupError(f"{text!r} is not the name of a variable") from None
    return _value(namespace, tree)


def _value(namespace: Mapping[str, Any], node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Name(id=name):
            if name not in namespace:
                raise SetupError(f"there is no variable {name!r} in this notebook")
            return namespace[name]
        case ast.Attribute(value=owner, attr=attribute):
            return _part(ast.unparse(node), lambda: getattr(_value(namespace, owner), attribute))
        case ast.Subscript(value=owner, slice=ast.Constant(value=key)):
            return _part(ast.unparse(node), lambda: _value(namespace, owner)[key])
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_value(namespace, item) for item in items)
    raise SetupError(f"{ast.unparse(node)!r} is more than the name of a variable: give it a name in a cell first")


def _part(text: str, get: Any) -> Any:
    try:
        return get()
    except SetupError:
        raise
    except Exception as error:
        raise SetupError(f"{text} raised {type(error).__name__}: there is no such part") from None
