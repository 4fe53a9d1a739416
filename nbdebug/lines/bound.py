"""Which line builds what a variable holds, an optimizer, a loader, a model; and the lines on which the arguments of that call stand.

Only the text is asked. An answer that is not the only one is none.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nbdebug.findings import Location
from nbdebug.lines.names import assignments, called, calls, last_name
from nbdebug.lines.sources import parsed, texts
from nbdebug.source_lines import SourceLine, location_fields


@dataclass(frozen=True)
class Text:
    """A parsed piece of source, and where its first line lies."""

    tree: ast.AST
    first: Location

    def place(self, node: ast.expr | ast.keyword) -> Location:
        return Location(file=self.first.file, line=(self.first.line or 1) + node.lineno - 1, cell=self.first.cell)


@dataclass(frozen=True)
class Built:
    """The call that builds something."""

    name: str  # of the variable that holds it
    place: Location  # of the call
    arguments: dict[str, Location]  # of those on a line of their own, too; "1.lr" is the entry of the second of a list of dicts


def known_texts(files: Iterable[str] = ()) -> Iterator[Text]:
    """The script or the cells of the notebook, and these files."""
    found = {(name, cell): tree for name, cell, tree in texts()}
    found.update({(name, None): tree for name in files if (tree := parsed("".join(linecache.getlines(name)))) is not None})
    for (name, cell), tree in found.items():
        yield Text(tree, Location(**location_fields(SourceLine(name, 1, cell, ""))))


def call_that_builds(name: str, kind: str, parameters: Sequence[str], running: Iterable[Text], known: Iterable[Text]) -> Built | None:
    """The one call that builds what the variable holds; None when there is none, or more than one.

    Args:
        name: of the variable, as in "optimizer" or "self.optimizer".
        kind: its class.
        parameters: of the class, in order, for arguments without a name.
        running: the functions whose variable it may be; asked first.
        known: where else to look.
    """
    last = name.rpartition(".")[2].partition(" ")[0]
    found: list[tuple[Text, ast.Call]] = []
    for looked in (list(running), list(known)):
        bound = [(text, call) for text in looked for call in _bound(text.tree, last)]
        of_kind = [(text, call) for text, value in bound if (call := _of_kind(value, kind)) is not None]
        found = found or of_kind or bound
    found = found or [(text, node) for text in looked for node in calls(text.tree) if called(node) == kind]
    places = {text.place(call) for text, call in found}
    if len(places) != 1:
        return None
    text, call = found[0]
    return Built(name, text.place(call), dict(_arguments(text, call, parameters)))


def _bound(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """The calls whose value is given to a variable or attribute of that name, in a tuple as well."""
    yield from (value for target, value in assignments(tree) if last_name(target) == name and isinstance(value, ast.Call))


def _of_kind(node: ast.AST, kind: str) -> ast.Call | None:
    """The outermost call of that class in an expression: `Net()` of `Net().to(device)`."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and called(part) == kind:
            return part
    return None


def _arguments(text: Text, call: ast.Call, parameters: Sequence[str]) -> Iterator[tuple[str, Location]]:
    for groups in (value for value in call.args[:1] if isinstance(value, (ast.List, ast.Tuple))):  # the parameter groups of an optimizer
        for number, group in enumerate(groups.elts):
            if isinstance(group, ast.Dict):
                named = zip(group.keys, group.values, strict=True)
                yield from ((f"{number}.{key.value}", text.place(value)) for key, value in named if isinstance(key, ast.Constant))
    for name, value in zip(parameters, call.args, strict=False):
        yield name, text.place(value)
    for keyword in call.keywords:
        if keyword.arg is not None:
            yield keyword.arg, text.place(keyword)
