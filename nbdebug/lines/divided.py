"""Which line divides the samples, sorts their names as text, or takes the labels out of a list."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbdebug.lines.names import assignments, called, calls
from nbdebug.lines.sources import only, texts
from nbdebug.source_lines import SourceLine

DIVIDE = ("train_test_split", "random_split")


def line_that_divides() -> SourceLine | None:
    """The one line of the script or notebook that divides samples at random; None where there is none, or more than one."""
    return only((text, number, call) for text, number, tree in texts() for call in calls(tree) if called(call) in DIVIDE)


def line_that_sorts_as_text() -> SourceLine | None:
    """The one line that sorts something without a key."""
    sorts = ((text, number, call) for text, number, tree in texts() for call in calls(tree) if called(call) in ("sorted", "sort"))
    return only((text, number, call) for text, number, call in sorts if not any(word.arg == "key" for word in call.keywords))


def line_that_takes(name: str) -> SourceLine | None:
    """The last line that gives what this variable holds, or a part of it, to another one."""
    found = list(_taken(name))
    last = max((value.lineno for _, _, value in found), default=0)
    return only(one for one in found if one[2].lineno == last)


def _taken(name: str) -> Iterator[tuple[str, int | None, ast.expr]]:
    for text, number, tree in texts():
        for target, value in assignments(tree):
            into = {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
            of = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
            if name in of and name not in into and not any(called(part) == "DataLoader" for part in ast.walk(value)):
                yield text, number, value
