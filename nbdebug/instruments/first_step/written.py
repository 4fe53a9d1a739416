"""What the user wrote about a module: the methods of its class as text and syntax tree, and the line of a statement in them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from torch import nn

from nbdebug.findings import Location
from nbdebug.source_lines import is_users, line_of, location_fields


@dataclass(frozen=True)
class Method:
    """One function of the user's own, with its text."""

    name: str
    code: CodeType
    lines: tuple[str, ...]
    first: int  # number of its first line
    tree: ast.FunctionDef
    about: str  # the class's own name and docstring

    @property
    def me(self) -> str:
        """What it calls its instance."""
        return self.tree.args.args[0].arg if self.tree.args.args else ""

    def location(self, node: ast.AST) -> Location:
        line = line_of(_Standing(self.code, self._number(node)))  # type: ignore[arg-type]
        return Location(**location_fields(line))

    def around(self, node: ast.AST, above: int = 2) -> str:
        """The text of a statement with the comments on it and a line or two above it."""
        start = self._number(node) - self.first
        end = (getattr(node, "end_lineno", None) or node.lineno) - 1  # type: ignore[attr-defined]
        return "\n".join(self.lines[max(0, start - above) : end + 1])

    def _number(self, node: ast.AST) -> int:
        return self.first + node.lineno - 1  # type: ignore[attr-defined]


def methods(module: nn.Module) -> Iterator[Method]:
    """The methods of the module's class that the user wrote, inherited ones too."""
    seen: set[str] = set()
    for base in type(module).__mro__:
        for name, member in vars(base).items():
            if isinstance(member, FunctionType) and name not in seen and is_users(member.__code__):
                seen.add(name)
                found = _read(member, f"{base.__name__} {base.__doc__ or ''}")
                if found is not None:
                    yield found


def function_written(function: Any) -> Method | None:
    """A function of the user's own, read as a method is; None for what is none or has no text."""
    return _read(function, "") if isinstance(function, FunctionType) and is_users(function.__code__) else None


def chain(node: ast.AST, me: str) -> tuple[str, ...]:
    """`self.head.weight` → ("head", "weight"); empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return tuple(reversed(parts)) if isinstance(node, ast.Name) and node.id == me else ()


def resolved(module: nn.Module, parts: tuple[str, ...]) -> Any:
    """What such a chain stands for now; None when it stands for nothing."""
    value: Any = module
    for part in parts:
        held = getattr(value, "__dict__", {})
        if isinstance(value, nn.Module):
            held = {**value._modules, **value._parameters, **held}
        value = held.get(part)
    return value


@lru_cache(maxsize=512)
def _read(function: FunctionType, about: str) -> Method | None:
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, TypeError, SyntaxError, IndentationError, IndexError):
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    return Method(function.__name__, function.__code__, tuple(lines), first, tree, about)


@dataclass(frozen=True)
class _Standing:
    """What `line_of` reads of a frame, for code that is not running."""

    f_code: CodeType
    f_lineno: int
    f_back: None = None
