"""The watch over a cell: a later cell that goes on with the same models goes on with its history."""

from __future__ import annotations

import ast
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

import nbdebug
from nbdebug.instruments.report import remember
from nbdebug.instruments.watch import Watch
from nbdebug.instruments.watch.result import WatchResult

NO_TRAINING = "no training step was seen: nothing in this cell called backward() or stepped an optimizer"
NEVER = "nothing was watched yet: write %%nbdebug watch above a cell that trains, as its first line"


class WatchedCell:
    """Remembers the last watch."""

    roles = ("model", "optimizer")

    def __init__(self) -> None:
        self._watch: Watch | None = None  # the last one; it holds no model
        self._said: dict[str, Any] = {}  # its options
        self._before: WatchResult | None = None  # what was known when the cell began

    def begin(self, options: dict[str, Any], given: dict[str, Any], said: dict[str, Any], cell: str) -> str:
        if not self._goes_on(said, cell):
            self._watch, self._said = nbdebug.watch(**options, **given), said
        self._before = self._watch.result()
        self._watch.__enter__()
        return "with nbdebug.watch({}) as watch: …"

    def end(self, error: BaseException | None) -> None:
        self._watch.__exit__(type(error) if error is not None else None, error, None)
        result, before = self._watch.result(), self._before
        if result.steps == before.steps:  # a cell that goes on with a history would show that of other cells
            print(NO_TRAINING)
        if result.steps > before.steps or len(result.limits) > len(before.limits):  # something kept it from seeing
            display(remember(self._watch.report()))

    def last(self, verb: str = "watch") -> Watch:
        """The watch of the last cell.

        Raises:
            UsageError: there is none.
        """
        if self._watch is None:
            raise UsageError(f"%nbdebug {verb}: {NEVER}")
        return self._watch

    def _goes_on(self, said: dict[str, Any], cell: str) -> bool:
        """Whether this cell trains on what the last watch saw: same options, and the cell makes no other model."""
        if self._watch is None or said != self._said:
            return False
        living = self._watch.living()
        return bool(living and cell) and not assigned(cell) & set(living)


def assigned(cell: str) -> set[str]:
    """The names that a cell's own statements bind: `model` in `model = Net()`."""
    try:
        tree = ast.parse(cell)
    except SyntaxError:
        return set()
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))]
    local = {id(inner) for function in functions for inner in ast.walk(function)}
    stored = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {node.id for node in stored if id(node) not in local}
