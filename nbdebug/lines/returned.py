"""The line on which a function of the user's gives its result."""

from __future__ import annotations

import ast
import linecache
from types import CodeType
from typing import Any

from nbdebug.lines.sources import function_at, parsed
from nbdebug.source_lines import SourceLine, is_users, line_of_code


def code_of(function: Any) -> CodeType | None:
    """Of a function, a method, a partial of one, or an object that is called; None of what has no Python code."""
    while hasattr(function, "func"):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    return code if code is not None else getattr(vars(type(function)).get("__call__"), "__code__", None)


def line_that_returns(function: Any) -> SourceLine | None:
    """The last `return` of it; None where it is not the user's, or has none."""
    code = code_of(function)
    if code is None or not is_users(code):
        return None
    source = parsed("".join(linecache.getlines(code.co_filename)))
    body = function_at(source, code.co_firstlineno) if source is not None else None
    lines = [node.lineno for node in ast.walk(body) if isinstance(node, ast.Return)] if body is not None else []
    return line_of_code(code, max(lines)) if lines else None
