"""All that the user wrote: the functions and cells of the loop, and whatever else stands in their files or in the notebook."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Iterator

from nbdebug.findings import Location
from nbdebug.instruments.watch.reading.source import Scope, last_name, scopes
from nbdebug.instruments.watch.result import Source, WatchResult
from nbdebug.lines.sources import cell_text, texts
from nbdebug.source_lines import SourceLine, location_fields


def everything(result: WatchResult) -> list[Scope]:
    """What ran, then cells and scripts, and every function that these name, or that one of those names."""
    ran = scopes(result.sources)
    known = {(scope.first.file, scope.first.cell, scope.place(scope.node).line if scope.name else 0) for scope in ran}
    rest = scopes(list(_whole(result)))
    return _within_reach(ran, [s for s in rest if (s.first.file, s.first.cell, s.place(s.node).line if s.name else 0) not in known])


def _within_reach(ran: list[Scope], rest: list[Scope]) -> list[Scope]:
    found, spoken, ahead = list(ran), _spoken(ran), rest
    while True:
        new = [s for s in ahead if not s.name or s.name == "__init__" or s.name in spoken]
        if not new:
            return found
        found, ahead = [*found, *new], [s for s in ahead if s not in new]
        spoken |= _spoken([s for s in new if s.name])


def _spoken(known: list[Scope]) -> set[str]:
    """Names of variables, functions and methods."""
    return {last_name(node) for scope in known for node in scope.nodes()} - {""}


def only_line(result: WatchResult, is_it: Callable[[ast.AST], bool]) -> Location | None:
    """The one statement or expression of that kind, first among what ran, then among all that is written; None where several could be meant."""
    known = everything(result)
    for looked in ([s for s in known if s.ran], known):
        found = list(dict.fromkeys(scope.place(node) for scope in looked for node in scope.nodes() if is_it(node)))
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _whole(result: WatchResult) -> Iterator[Source]:
    """The files that the loop's functions stand in, and the script or the cells of the notebook."""
    files = list(dict.fromkeys(s.place.file for s in result.sources if s.place.file and s.place.cell is None))
    for name, cell, _ in texts():
        if cell is not None:
            yield Source(_first(name, cell), "", cell_text(cell))
        elif name not in files:
            files.append(name)
    for name in files:
        yield Source(_first(name, None), "", "".join(linecache.getlines(name)))


def _first(name: str, cell: int | None) -> Location:
    return Location(**location_fields(SourceLine(name, 1, cell, "")))
