"""The text that a run was made of: the cells that were shipped, those that made what was shipped, and files of the user's."""

from __future__ import annotations

import ast
import builtins
import contextlib
import json
import symtable
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from nbdebug.lines.made import names_of
from nbdebug.lines.sources import cell_text, texts
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import SETUP, Job
from nbdebug.training.payload.arriving import CELLS
from nbdebug.training.payload.parts import Shipment, roots

LONGEST = 100_000  # characters of one text that are kept
MOST = 1_000_000  # of all together

Text = dict[str, Any]  # name: "In[3]" or the name of a file; source; cut: whether it was longer


def sources(job: Job, folder: RunFolder, shipment: Shipment) -> list[Text]:
    """Every text once, cells by their numbers, then files."""
    found: dict[str, str] = {}
    for name, source in (*_shipped(folder), *_made(job), *_files(shipment)):
        if source not in found.values():
            found.setdefault(name, source)
    ordered = sorted(found, key=lambda name: (not name.startswith("In["), len(name) if name.startswith("In[") else 0, name))
    kept, room = [], MOST
    for name in ordered:
        source = found[name][: min(LONGEST, room)]
        room -= len(source)
        kept.append({"name": name, "source": source, "cut": len(source) < len(found[name])})
    return kept


def _shipped(folder: RunFolder) -> Iterator[tuple[str, str]]:
    """Cells whose functions and classes travel by value."""
    with contextlib.suppress(OSError, ValueError):
        told = json.loads((folder.payload / CELLS).read_text(encoding="utf-8", errors="surrogatepass"))
        for file, cell in told.items():
            yield f"In[{cell['number']}]" if cell["number"] is not None else file, str(cell["source"])


def _made(job: Job) -> Iterator[tuple[str, str]]:
    """The cells, or the script, that made what is trained: those that bind its variables, and the variables these were made of."""
    things = [job.what, *roots(job).values()] if job.kind == SETUP else [job.what, *job.arguments]
    wanted = {name for thing in things for name in names_of(thing)}
    for file, number, tree in texts():
        if number is None:
            yield file, Path(file).read_text(encoding="utf-8", errors="replace")
            return
        bound, read = _names(tree)
        if wanted & (bound | set(_touched(tree))):
            yield f"In[{number}]", cell_text(number)
            wanted = (wanted - bound) | read


def _files(shipment: Shipment) -> Iterator[tuple[str, str]]:
    """Modules of the user's, which the ranks import."""
    for part in shipment.parts:
        module = sys.modules.get(part.name) if part.kind.startswith("module") else None
        file = getattr(module, "__file__", None)
        if file:
            with contextlib.suppress(OSError):
                yield file, Path(file).read_text(encoding="utf-8", errors="replace")


def _names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Variables of the notebook that a cell gives a value to, and those that it reads before; what functions call their own is neither."""
    bound: set[str] = set()
    read: set[str] = set()
    for statement in tree.body:
        given, taken = _names_of(ast.unparse(statement))
        taken |= {node.target.id for node in ast.walk(statement) if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)}
        read |= taken - bound
        bound |= given
    return bound, read


def _names_of(text: str) -> tuple[set[str], set[str]]:
    bound, read = set(), set()
    tables = [symtable.symtable(text, "cell", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if table.get_type() == "module" or symbol.is_global():
                if symbol.is_assigned() or symbol.is_imported():
                    bound.add(symbol.get_name())
                if symbol.is_referenced():
                    read.add(symbol.get_name())
    return bound, read


def _touched(tree: ast.AST) -> Iterator[str]:
    """Names whose value a cell changes: `x[3] = 0`, `model.head = …`, `x.mul_(2)`; not modules, on which functions are called."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        left += ast.iter_child_nodes(node)
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            yield from _base(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            yield from _base(node.value.func)


def _base(node: ast.AST) -> Iterable[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    held = vars(sys.modules["__main__"])
    return [node.id] if isinstance(node, ast.Name) and not isinstance(held.get(node.id), ModuleType) and not hasattr(builtins, node.id) else []
