"""`%%nbdebug watch` and `%%nbdebug find_nan` over a cell: the cell runs as it would without the line, and its training is heard meanwhile.

The cell is not run by the magic. Its first line is rewritten into a call that begins to listen, and the end of the cell is
what ends it: so the other lines keep their numbers, `await` and other magics work, the last value is shown, an error is told
once and stops "run all cells".
"""

from __future__ import annotations

import linecache
import re
import sys
from typing import Any, Protocol

from IPython.core.error import UsageError
from IPython.core.inputtransformer2 import cell_magic

from nbdebug.errors import NbdebugError, SetupError, first_line
from nbdebug.notebook.armed_cell import ArmedCell
from nbdebug.notebook.line import Line
from nbdebug.notebook.replayed_cell import ReplayedCell
from nbdebug.notebook.variables import look_up
from nbdebug.notebook.verbs import VARIABLES
from nbdebug.notebook.watched_cell import WatchedCell
from nbdebug.source_lines import users_frame

CELL_VERBS = ("watch", "find_nan", "replay")  # verbs that stand over a cell, with two %
OVER_A_CELL = "--over-the-cell"  # said by the rewritten first line, never by the user
FIRST_LINE = re.compile(rf"%%nbdebug[ \t]+({'|'.join(CELL_VERBS)})(?=\s|$)(.*)")


class Listening(Protocol):
    """What listens to the cell, of one kind."""

    roles: tuple[str, ...]  # the variables that may be named on the line

    def begin(self, options: dict[str, Any], given: dict[str, Any], said: dict[str, Any], cell: str) -> str:
        """Begins, with the variables that were `given`; the Python that it stands for, up to its arguments and after them, with `{}` between."""

    def end(self, error: BaseException | None) -> None:
        """Ends, and shows what was heard."""


def rewrite_first_line(lines: list[str]) -> list[str]:
    """The cell with `%%nbdebug watch …` made a call of one line; any other cell as it is."""
    matched = FIRST_LINE.match(lines[0]) if lines else None
    if matched is None:
        return lines
    said = f"{matched[1]} {OVER_A_CELL}{matched[2].rstrip()}"
    return [f"get_ipython().run_line_magic('nbdebug', {said!r})\n", *_body(lines[1:])]


def _body(lines: list[str]) -> list[str]:
    """The lines under ours; another cell magic among them is the first that is not blank."""
    blank = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    return lines[:blank] + cell_magic(lines[blank:])


class OverCell:
    """Listens to one cell at a time."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.watched = WatchedCell()
        self._kinds: dict[str, Listening] = {"watch": self.watched, "find_nan": ArmedCell(), "replay": ReplayedCell()}
        self._open = ""  # the verb over the cell that runs
        self._inside = 0  # cells that run within it, such as the body of %%capture

    def begin(self, verb: str, said: Line) -> str:
        """Begins to listen; what is returned is the Python that it stands for.

        Raises:
            UsageError: an option or a variable is wrong, or the loop is listened to already.
        """
        if self._open:  # its cell never told that it ended
            self._end(None)
        kind = self._kinds[verb]
        given = {role: self._named(verb, role, name) for role, name in said.roles.items()}
        options = {**said.options, **({"path": said.rest[0]} if said.rest else {})}
        variables = {option: self._looked_up(verb, name) for option, name in options.items() if option in VARIABLES}
        try:
            call = kind.begin({**options, **variables}, given, {**options, **said.roles}, text_of_the_cell())
        except NbdebugError as error:
            raise UsageError(f"%%nbdebug {verb}: {error}") from None
        self._open, self._inside = verb, 0
        self._shell.events.register("pre_run_cell", self._began)
        self._shell.events.register("post_run_cell", self._ended)
        words = [f"{role}={name}" for role, name in said.roles.items()]
        words += [f"{option}={value if option in VARIABLES else repr(value)}" for option, value in options.items()]
        return call.format(", ".join(words))

    def close(self) -> None:
        """Takes everything off the shell."""
        if self._open:
            self._end(None)

    def _named(self, verb: str, role: str, name: str) -> Any:
        takes = self._kinds[verb].roles
        if role not in takes:
            listed = " and ".join(f"{role}=" for role in takes) or "no variables"
            raise UsageError(f"%%nbdebug {verb} takes {listed}, got {role}=: it finds everything else by itself")
        return self._looked_up(verb, name)

    def _looked_up(self, verb: str, name: str) -> Any:
        try:
            return look_up(self._shell.user_ns, name)
        except SetupError as error:
            raise UsageError(f"%%nbdebug {verb}: {error}") from None

    def _began(self, info: Any) -> None:
        self._inside += 1

    def _ended(self, result: Any) -> None:
        if self._inside:
            self._inside -= 1
            return
        self._end(result.error_in_exec or result.error_before_exec)

    def _end(self, error: BaseException | None) -> None:
        """Ends it and shows the report. The shell calls this: what it raises would look like a fault of IPython."""
        kind, self._open = self._kinds[self._open], ""
        self._shell.events.unregister("pre_run_cell", self._began)
        self._shell.events.unregister("post_run_cell", self._ended)
        try:
            kind.end(error)
        except Exception as trouble:
            print(f"nbdebug could not show what it heard: {type(trouble).__name__}: {first_line(trouble)}")


def text_of_the_cell() -> str:
    """The source of the cell that calls; empty when it cannot be had."""
    frame = users_frame(sys._getframe(1))
    return "".join(linecache.getlines(frame.f_code.co_filename)) if frame is not None else ""


def shown_already(error: BaseException) -> BaseException:
    """The same error, of which the shell has told everything and shall not tell it again."""
    error._render_traceback_ = lambda: []  # type: ignore[attr-defined]  # asked by IPython
    return error
