"""`%%nbdebug watch` over a cell: the cell runs as it would without the line, and its training is watched meanwhile.

The cell is not run by the magic. Its first line is rewritten into a call that begins to watch, and the end of the cell is
what ends it: so the other lines keep their numbers, `await` and other magics work, the last value is shown, an error is told
once and stops "run all cells".
"""

from __future__ import annotations

import ast
import linecache
import re
import sys
from typing import Any

from IPython.core.error import UsageError
from IPython.core.inputtransformer2 import cell_magic
from IPython.display import display

import nbdebug
from nbdebug.errors import NbdebugError, SetupError, first_line
from nbdebug.instruments.report import remember
from nbdebug.instruments.watch import Watch
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.notebook.line import Line
from nbdebug.notebook.variables import look_up
from nbdebug.source_lines import users_frame

OVER_A_CELL = "--over-the-cell"  # said by the rewritten first line, never by the user
FIRST_LINE = re.compile(r"%%nbdebug[ \t]+watch(?=\s|$)(.*)")
NO_TRAINING = "no training step was seen: nothing in this cell called backward() or stepped an optimizer"
NEVER = "nothing was watched yet: write %%nbdebug watch above a cell that trains, as its first line"


def rewrite_first_line(lines: list[str]) -> list[str]:
    """The cell with `%%nbdebug watch …` made a call of one line; any other cell as it is."""
    matched = FIRST_LINE.match(lines[0]) if lines else None
    if matched is None:
        return lines
    said = f"watch {OVER_A_CELL}{matched[1].rstrip()}"
    return [f"get_ipython().run_line_magic('nbdebug', {said!r})\n", *_body(lines[1:])]


def _body(lines: list[str]) -> list[str]:
    """The lines under ours; another cell magic among them is the first that is not blank."""
    blank = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    return lines[:blank] + cell_magic(lines[blank:])


class OverCell:
    """Watches one cell at a time, and remembers the last watch."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._watch: Watch | None = None  # the last one; it holds no model
        self._said: dict[str, Any] = {}  # its options
        self._inside = 0  # cells that run within the watched one, such as the body of %%capture
        self._open = False
        self._before: WatchResult | None = None  # what was known when the cell began

    def begin(self, said: Line) -> str:
        """Begins to watch; what is returned is the Python that it stands for.

        Raises:
            UsageError: an option or a variable is wrong, or another watch is open.
        """
        if self._open:  # its cell never told that it ended
            self._end(None)
        given = {role: self._named(role, name) for role, name in said.roles.items()}
        options = {**said.options, **said.roles}
        try:
            if not self._goes_on(options):
                self._watch, self._said = nbdebug.watch(**said.options, **given), options
            self._before = self._watch.result()
            self._watch.__enter__()
        except NbdebugError as error:
            raise UsageError(f"%%nbdebug watch: {error}") from None
        self._open, self._inside = True, 0
        self._shell.events.register("pre_run_cell", self._began)
        self._shell.events.register("post_run_cell", self._ended)
        words = [f"{role}={name}" for role, name in said.roles.items()]
        words += [f"{option}={value!r}" for option, value in said.options.items()]
        return f"with nbdebug.watch({', '.join(words)}) as watch: …"

    def last(self) -> Watch:
        """The watch of the last cell.

        Raises:
            UsageError: there is none.
        """
        if self._watch is None:
            raise UsageError(f"%nbdebug watch: {NEVER}")
        return self._watch

    def close(self) -> None:
        """Takes everything off the shell."""
        if self._open:
            self._end(None)

    def _named(self, role: str, name: str) -> Any:
        if role not in ("model", "optimizer"):
            raise UsageError(f"%%nbdebug watch takes model= and optimizer=, got {role}=: it finds everything else by itself")
        try:
            return look_up(self._shell.user_ns, name)
        except SetupError as error:
            raise UsageError(f"%%nbdebug watch: {error}") from None

    def _goes_on(self, options: dict[str, Any]) -> bool:
        """Whether this cell trains on what the last watch saw: same options, and the cell makes no other model."""
        if self._watch is None or options != self._said:
            return False
        living, cell = self._watch.living(), text_of_the_cell()
        return bool(living and cell) and not assigned(cell) & set(living)

    def _began(self, info: Any) -> None:
        self._inside += 1

    def _ended(self, result: Any) -> None:
        if self._inside:
            self._inside -= 1
            return
        self._end(result.error_in_exec or result.error_before_exec)

    def _end(self, error: BaseException | None) -> None:
        """Ends the watch and shows its report. The shell calls this: what it raises would look like a fault of IPython."""
        self._open = False
        self._shell.events.unregister("pre_run_cell", self._began)
        self._shell.events.unregister("post_run_cell", self._ended)
        try:
            self._watch.__exit__(type(error) if error is not None else None, error, None)
            self._show()
        except Exception as trouble:
            print(f"nbdebug could not show what it watched: {type(trouble).__name__}: {first_line(trouble)}")

    def _show(self) -> None:
        result, before = self._watch.result(), self._before
        if result.steps == before.steps:  # a cell that goes on with a history would show that of other cells
            print(NO_TRAINING)
        if result.steps > before.steps or len(result.limits) > len(before.limits):  # something kept it from seeing
            display(remember(self._watch.report()))


def text_of_the_cell() -> str:
    """The source of the cell that calls; empty when it cannot be had."""
    frame = users_frame(sys._getframe(1))
    return "".join(linecache.getlines(frame.f_code.co_filename)) if frame is not None else ""


def shown_already(error: BaseException) -> BaseException:
    """The same error, of which the shell has told everything and shall not tell it again."""
    error._render_traceback_ = lambda: []  # type: ignore[attr-defined]  # asked by IPython
    return error


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
