"""The text of a class or function of the user's, from his file or cell, with all that it needs to run elsewhere."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import math
import sys
import textwrap
import types
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

FUTURE = "from __future__ import annotations"
KNOWN = {"torch": torch, "nn": nn, "F": functional, "math": math}  # what every script imports
LITERALS = (bool, int, str, bytes, type(None), complex, type(Ellipsis))


class CannotWrite(Exception):
    """Something has no source that could be written down; the text says what."""


class Definitions:
    """Imports and definitions, those that others need first."""

    def __init__(self) -> None:
        self.imports: dict[str, None] = {}
        self.texts: dict[str, str] = {}
        self._under_way: set[str] = set()

    def name_of(self, thing: Any) -> str:
        """An expression for a class or a function, which is defined or imported if need be.

        Raises:
            CannotWrite: it has no source, or needs something that cannot be written down.
        """
        if (known := _of_torch(thing)) is not None:
            return known
        home, name = getattr(thing, "__module__", "") or "", getattr(thing, "__name__", "")
        if name == "<lambda>":
            return self._lambda(thing)
        if not name or home == "builtins":
            return name if name and getattr(builtins, name, None) is thing else _cannot(thing)
        if name in self.texts or name in self._under_way:
            return name
        if _installed(thing):
            self.imports[f"from {home} import {name}"] = None
            return name
        self._under_way.add(name)
        text, node, code = _text_of(thing)
        self._needs(node, code)
        self.texts[name] = text
        return name

    def value(self, value: Any) -> str:
        """An expression for a plain value, or one made of such.

        Raises:
            CannotWrite: it is none.
        """
        if isinstance(value, LITERALS):
            return repr(value)
        if isinstance(value, float):
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        if type(value) in (tuple, list, set):
            inside = ", ".join(map(self.value, value))
            return f"({inside},)" if type(value) is tuple and len(value) == 1 else {tuple: "({})", list: "[{}]", set: "{{{}}}"}[type(value)].format(inside)
        if type(value) is dict:
            return "{" + ", ".join(f"{self.value(key)}: {self.value(item)}" for key, item in value.items()) + "}"
        if isinstance(value, (torch.dtype, torch.Size)):
            return str(value) if isinstance(value, torch.dtype) else f"torch.Size({list(value)})"
        if isinstance(value, torch.device):
            return f'torch.device("{value}")'
        if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
            return self.name_of(value)
        return _cannot(value)

    def _lambda(self, function: Any) -> str:
        tree = _tree(function.__code__.co_filename)
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda) and n.lineno == function.__code__.co_firstlineno] if tree else []
        if len(nodes) != 1:
            raise CannotWrite("a lambda that does not stand alone in its line")
        self._needs(nodes[0], function)
        return f"({ast.unparse(nodes[0])})"

    def _needs(self, node: ast.AST, function: Any) -> None:
        """Defines or imports what this text names."""
        around = {**function.__globals__, **inspect.getclosurevars(function).nonlocals} if function is not None else {}
        for name in sorted(_names(node)):
            if name in around and KNOWN.get(name) is not around[name]:
                self._bind(name, around[name])

    def _bind(self, name: str, thing: Any) -> None:
        if isinstance(thing, types.ModuleType):
            self.imports[f"import {thing.__name__}" + (f" as {name}" if thing.__name__ != name else "")] = None
            return
        written = self.value(thing)
        if written != name:
            self.texts[name] = f"{name} = {written}"


def _names(node: ast.AST) -> set[str]:
    """The names from outside that a text reads when it runs: neither annotations nor what stands in an `__init__`, which is not run."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return _read(_defaults(node.args) + node.decorator_list) | (set() if node.name == "__init__" else _read(node.body) - _own(node))
    if isinstance(node, ast.Lambda):
        return _read(_defaults(node.args)) | _names(node.body) - _own(node)
    if isinstance(node, ast.AnnAssign):
        return _names(node.value) if node.value is not None else set()
    return _read(ast.iter_child_nodes(node))


def _read(nodes: Iterable[ast.AST]) -> set[str]:
    return set().union(*map(_names, nodes))


def _defaults(given: ast.arguments) -> list[ast.expr]:
    return [*given.defaults, *(d for d in given.kw_defaults if d is not None)]


def _own(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Its arguments and what it assigns: a notebook often has variables of the same names."""
    inside = list(ast.walk(function))
    arguments = {n.arg for n in inside if isinstance(n, ast.arg)}
    assigned = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return arguments | assigned - {name for n in inside if isinstance(n, ast.Global) for name in n.names}


def _text_of(thing: Any) -> tuple[str, ast.AST, Any]:
    """Its text, its node, and a function whose globals and closure its names mean; by the code, because classes of a cell have no file."""
    functions = [f for f in vars(thing).values() if isinstance(f, types.FunctionType)] if isinstance(thing, type) else [inspect.unwrap(thing)]
    for function in functions:
        code = function.__code__
        tree = _tree(code.co_filename)
        wanted = ast.ClassDef if isinstance(thing, type) else (ast.FunctionDef, ast.AsyncFunctionDef)
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, wanted) and node.name == thing.__name__ and _first(node) <= code.co_firstlineno <= (node.end_lineno or 0):
                lines = linecache.getlines(code.co_filename)[_first(node) - 1 : node.end_lineno]
                return textwrap.dedent("".join(lines)).rstrip(), node, _whole(function, functions)
    raise CannotWrite(f"the source of {thing.__name__} cannot be read")


def _whole(function: types.FunctionType, functions: list[types.FunctionType]) -> types.FunctionType:
    """The one of a class's methods that has a closure, if one has: its names are those of all."""
    return next((f for f in functions if set(f.__code__.co_freevars) - {"__class__"}), function)


def _first(node: Any) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _tree(file: str) -> ast.AST | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return None


def _of_torch(thing: Any) -> str | None:
    """`torch.round`, `F.relu`, `nn.ReLU`."""
    name = getattr(thing, "__name__", "")
    for prefix, home in (("nn", nn), ("F", functional), ("torch", torch), ("math", math)):
        if name and getattr(home, name, None) is thing:
            return f"{prefix}.{name}"
    return None


def _installed(thing: Any) -> bool:
    """Whether it can be imported from a package, which another Python would have too."""
    if getattr(sys.modules.get(thing.__module__), thing.__name__, None) is not thing:
        return False
    code = getattr(thing, "__code__", None)
    file = code.co_filename if code is not None else getattr(inspect.getmodule(thing), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _cannot(thing: Any) -> str:
    raise CannotWrite(f"a {type(thing).__name__}")
