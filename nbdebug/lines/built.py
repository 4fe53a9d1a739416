"""Which line builds a layer: for torch's own modules, whose forward runs in no line of the user's.

The text is asked: the cells of the notebook, or the script. Only an answer that is the only one counts.
"""

from __future__ import annotations

import ast
import linecache
import re
import sys

from nbdebug.lines.sources import notebook_cells, parsed
from nbdebug.source_lines import SourceLine


def line_that_builds(kind: str) -> SourceLine | None:
    """The one line that calls `kind(...)`, such as `nn.Softmax(dim=1)`; None when there is none, or more than one."""
    pattern = re.compile(rf"\b{re.escape(kind)}\s*\(")
    if cells := notebook_cells():
        return _in_cells(pattern, cells)
    file = str(vars(sys.modules["__main__"]).get("__file__") or "")
    lines = _lines_with(pattern, linecache.getlines(file))
    return SourceLine(file, lines[0], None, linecache.getline(file, lines[0]).strip()) if len(lines) == 1 else None


def _in_cells(pattern: re.Pattern[str], cells: list[str]) -> SourceLine | None:
    """A cell that was edited and run again stands in the history twice: the later run counts."""
    found: SourceLine | None = None
    names: set[str] = set()  # what the cells after this one define anew
    for number in range(len(cells) - 1, 0, -1):
        text = cells[number].splitlines()
        defined = _defined(cells[number])
        superseded = bool(defined & names)
        names |= defined
        lines = _lines_with(pattern, text)
        if not lines or superseded:
            continue
        if found is not None or len(lines) > 1:
            return None
        found = SourceLine("", lines[0], number, text[lines[0] - 1].strip())
    return found


def _lines_with(pattern: re.Pattern[str], lines: list[str]) -> list[int]:
    return [number for number, line in enumerate(lines, 1) if pattern.search(line.split("#")[0])]


def _defined(cell: str) -> set[str]:
    """The names that a cell binds at its top level; empty for a cell that is not plain Python."""
    tree = parsed(cell)
    body = tree.body if isinstance(tree, ast.Module) else []
    names = {node.name for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    targets = [t for node in body if isinstance(node, (ast.Assign, ast.AnnAssign)) for t in ast.walk(node)]
    return names | {t.id for t in targets if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)}
