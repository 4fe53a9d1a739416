"""What stands on a line, and in which function: `return cov / var` of `HedgeNet.rolling_beta`.

A number alone sends the reader to the file; the words there say at once which variable is meant. Only the text is asked.
"""

from __future__ import annotations

import ast
import linecache
import textwrap

from nbdebug.lines.sources import cell_text, parsed

LONGEST = 100  # characters of the line


def quoted(file: str, line: int | None, cell: int | None = None) -> tuple[str, str]:
    """The function that holds a line, and the line; "" for what is not known.

    Args:
        file: as in a location; "" for a cell.
        line: 1-based.
        cell: its number.
    """
    source = cell_text(cell) if cell is not None else "".join(linecache.getlines(file)) if file else ""
    lines = source.splitlines()
    if line is None or not 0 < line <= len(lines):
        return "", ""
    tree = parsed(source)
    within = _function(tree, line) if tree is not None else ""
    return within, textwrap.shorten(_without_comment(lines[line - 1]).strip(), LONGEST, placeholder=" …")


def _function(tree: ast.AST, line: int) -> str:
    """The dotted name of the innermost function around a line, with the classes it stands in; "" outside of functions."""
    names: list[str] = []
    found, node = "", tree
    while node is not None:
        around = (child for child in ast.iter_child_nodes(node) if getattr(child, "lineno", line + 1) <= line <= (getattr(child, "end_lineno", 0) or 0))
        node = next(around, None)  # type: ignore[assignment]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
            found = found if isinstance(node, ast.ClassDef) else ".".join(names)
    return found


def _without_comment(line: str) -> str:
    """A line up to a # that is in no string."""
    quote = ""
    for place, character in enumerate(line):
        if quote:
            quote = "" if character == quote and line[place - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character == "#":
            return line[:place]
    return line
