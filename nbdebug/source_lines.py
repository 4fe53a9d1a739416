"""Frame or traceback → the user's own line, named by its notebook cell where it lies in one.

Knows IPython 8 and 9, ipykernel, the terminal, `%%time`, foreign cell magics and Colab's names; imports none of them.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType, TracebackType
from typing import Any

CELL_NUMBER = re.compile(r"ipython-input-(\d+)-")  # terminal <ipython-input-3-hash>, Colab …/ipython-input-3-HASH.py
CELL_FILE = re.compile(r"[\\/](?:ipykernel_\d+[\\/]-?\d+|ipython-input-\d+)\.py$")  # ipykernel; Colab without a number
TIMED = ("<timed exec>", "<timed eval>", "<magic-timeit>")  # what %%time and %%timeit call the code they compile
MACHINERY = frozenset(  # packages that carry code out; a line of theirs explains nothing
    ["torch", "torchgen", "functorch", "IPython", "ipykernel", "ipykernel_launcher.py", "traitlets", "tornado"]
    + ["jupyter_client", "debugpy", "pluggy", "_pytest", "pytest"]
)
STDLIB = os.path.dirname(os.__file__)
OURSELVES = os.path.dirname(os.path.abspath(__file__))
BOUNDARY = os.path.join(OURSELVES, "instruments", "base.py")  # it runs the measurement: further out nothing is measured

overrides: dict[str, int] = {}  # co_filename → In[n], told by cell magics that compile a cell under another number
above: dict[str, int] = {}  # co_filename → lines of that cell before its code (blank ones, a magic), where there is no history to ask

_kinds: dict[str, str] = {}  # co_filename → "own", "cell", "timed", "library", "machinery" or "boundary"


@dataclass(frozen=True)
class SourceLine:
    """One line of source; reads like `Cell In[3], line 2: loss = criterion(outputs, labels)`."""

    file: str  # as the code object says it; of a cell the name it was compiled under
    line: int  # 1-based, in the file or in the cell
    cell: int | None  # the number in In[...]; None in a file, or in a cell whose number is lost
    text: str

    def __str__(self) -> str:
        where = f"Cell In[{self.cell}]" if self.cell is not None else location_fields(self)["file"] or "Cell"
        return f"{where}, line {self.line}: {self.text}"


def users_line(frame: FrameType | None = None, depth: int = 1) -> SourceLine | None:
    """The innermost line of the user's own code among the callers of `frame`, itself included.

    Own code is a notebook cell, or a file outside torch, nbdebug, installed packages and the standard library. Without
    any, the innermost line of an installed package that is not torch (a model of transformers, say). The call that
    started an instrument is not an answer: what it measures lies further in.

    Args:
        frame: where to start; None: the caller, or with `depth` a caller of his.
    """
    found = users_frame(frame or sys._getframe(depth))
    return line_of(found) if found is not None else None


def users_frame(frame: FrameType | None) -> FrameType | None:
    """The frame of `users_line`: much cheaper than its line, and one line is always the same code and number."""
    library = None
    while frame is not None:
        name = frame.f_code.co_filename
        kind = _kinds.get(name) or _classify(name)
        if kind in ("own", "cell", "timed"):
            return frame
        if kind == "boundary":
            break
        if kind == "library" and library is None:
            library = frame
        frame = frame.f_back
    return library


def variables_of(frame: FrameType) -> dict[str, Any]:
    """The local variables of a running function (of a module: its own dict), such that none is kept alive by asking."""
    held = frame.f_locals
    if not frame.f_code.co_flags & CO_OPTIMIZED:
        return held
    copied = dict(held)
    if type(held) is dict:  # before Python 3.13 a frame keeps the dict, and with it everything that was local at this moment
        held.clear()
    return copied


def is_users(code: CodeType) -> bool:
    """Whether this is the user's own code, of a cell or a file."""
    return _kind(code.co_filename) in ("own", "cell", "timed")


def is_of_library(file: str) -> bool:
    """Whether a file belongs to an installed package: its lines are not the user's to mend."""
    return bool(file) and _kind(os.path.abspath(file)) == "library"


def users_line_of_traceback(traceback: TracebackType | None) -> SourceLine | None:
    """The innermost line of the user's own code in a traceback, by the rules of `users_line`."""
    own = library = None
    while traceback is not None:
        kind = _kind(traceback.tb_frame.f_code.co_filename)
        if kind in ("own", "cell", "timed"):
            own = traceback
        elif kind == "library":
            library = traceback
        elif kind == "boundary":
            own = library = None
        traceback = traceback.tb_next
    found = own or library
    return line_of(found.tb_frame, found.tb_lineno) if found is not None else None


def line_of(frame: FrameType, lineno: int | None = None) -> SourceLine | None:
    """The line a frame is at (or `lineno` in it); None when it is neither in a cell nor in a file."""
    name = frame.f_code.co_filename
    line = lineno or frame.f_lineno or frame.f_code.co_firstlineno
    kind = _kind(name)
    if kind == "cell":
        return _cell_line(name, line)
    if kind == "timed":
        return _timed_line(frame, line)
    if name.startswith("<"):
        return None
    return SourceLine(name, line, None, linecache.getline(name, line).strip())


def line_of_code(code: CodeType, line: int) -> SourceLine | None:
    """A line of code that is not running."""
    kind = _kind(code.co_filename)
    if kind == "cell":
        return _cell_line(code.co_filename, line)
    if kind == "timed" or code.co_filename.startswith("<"):
        return None
    return SourceLine(code.co_filename, line, None, linecache.getline(code.co_filename, line).strip())


def location_fields(source: SourceLine | None) -> dict[str, Any]:
    """The keywords of `nbdebug.findings.Location` that name this line; empty for None."""
    if source is None:
        return {}
    in_cell = source.cell is not None or _kind(source.file) in ("cell", "timed")
    return {"file": "" if in_cell else _from_here(source.file), "line": source.line, "cell": source.cell}


# -- whose code a file is ---------------------------------------------------------------------------------------


def _kind(name: str) -> str:
    return _kinds.get(name) or _classify(name)


def _classify(name: str) -> str:
    """Sorts a file once and for all; the number of a cell may change, that it is one does not."""
    kind = _kinds[name] = _whose(name)
    return kind


def _whose(name: str) -> str:
    if name in TIMED:
        return "timed"
    if name in overrides or CELL_NUMBER.search(name) or CELL_FILE.search(name) or _known_to(_shell(), name):
        return "cell"
    if name.startswith("<"):  # <frozen importlib>, code from exec() or torch.fx
        return "machinery"
    path = os.path.abspath(name)
    if path == BOUNDARY:
        return "boundary"
    torch = sys.modules.get("torch")  # built from source it lies anywhere
    if any(path.startswith(home + os.sep) for home in (OURSELVES, *getattr(torch, "__path__", ()))):
        return "machinery"
    if installed := re.search(r".*[\\/](?:site|dist)-packages[\\/]([^\\/]+)", path):
        return "machinery" if installed[1] in MACHINERY else "library"
    return "machinery" if path.startswith(STDLIB + os.sep) else "own"


def _from_here(path: str) -> str:
    """Relative to the working directory if it lies below."""
    try:
        here = os.getcwd()
    except OSError:  # the directory is gone
        return path
    return _below(path, here)


@lru_cache(maxsize=256)
def _below(path: str, here: str) -> str:
    inside = os.path.abspath(path).startswith(here.rstrip(os.sep) + os.sep)
    return os.path.relpath(path, here) if inside else path


# -- which cell -------------------------------------------------------------------------------------------------


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _known_to(shell: Any, name: str) -> int | None:
    """The number under which IPython itself would show this code: its label is ("Cell", "In[3]")."""
    label = getattr(getattr(shell, "compile", None), "format_code_name", None)
    shown = label(name) if label is not None else None
    return int(shown[1][3:-1]) if shown and shown[1].startswith("In[") else None


def _cell_line(name: str, line: int) -> SourceLine:
    """Asked for at call time: two cells of equal text share a name in ipykernel, and the later run takes it over."""
    text = linecache.getline(name, line).strip()
    if name in overrides:
        return SourceLine(name, line + above.get(name, 0), overrides[name], text)
    shell = _shell()
    number = _known_to(shell, name)
    if number is None and (matched := CELL_NUMBER.search(name)):
        number = int(matched[1])
    number, lines_above = _placed(name, number, len(_history(shell, "input_hist_raw")))
    return SourceLine(name, line + lines_above, number, text)


@lru_cache(maxsize=256)
def _placed(name: str, number: int | None, cells: int) -> tuple[int | None, int]:
    """The cell that really holds this text, and how many of its lines come before it.

    `%%capture` and its like compile their body as a cell of its own, which IPython 9 numbers one too high; Colab's
    names may carry no number. The history knows better. `cells`, its length, has every new cell asked for anew.
    """
    source = "".join(linecache.getlines(name)).strip()
    for guess in range(cells - 1, 0, -1) if number is None else (number, number - 1):
        lines_above = _lines_above(source, guess)
        if lines_above is not None:
            return guess, lines_above
    return number, 0


def _lines_above(source: str, cell: int) -> int | None:
    """How many lines of this cell IPython cut off before it compiled `source`; None when it was another cell."""
    shell = _shell()
    raw = _history(shell, "input_hist_raw")
    if not source or not 0 < cell < len(raw):
        return None
    if _history(shell, "input_hist_parsed")[cell].strip() == source:
        return _blank_lines(raw[cell].splitlines())
    lines = raw[cell].splitlines()
    body = _lines_before_body(lines)
    return body if body and shell.transform_cell("\n".join(lines[body:])).strip() == source else None


def _lines_before_body(lines: list[str], magic_name: str = "%%") -> int:
    """Lines down to the first one that a cell magic is over; 0 when there is no cell magic of that name."""
    magic = _blank_lines(lines)
    while magic < len(lines) and lines[magic].startswith("%%") and not lines[magic].startswith(magic_name):
        magic += 1 + _blank_lines(lines[magic + 1 :])  # one cell magic below another
    if magic >= len(lines) or not lines[magic].startswith("%%"):
        return 0
    return magic + 1 + _blank_lines(lines[magic + 1 :])


def _blank_lines(lines: list[str]) -> int:
    """How many lines at the beginning are blank; IPython drops them."""
    return next((number for number, line in enumerate(lines) if line.strip()), len(lines))


def _timed_line(frame: FrameType, line: int) -> SourceLine:
    """Code under `%%time` has neither a name of its own nor text: both come from the cell that holds the magic."""
    outermost: FrameType = frame
    caller = frame.f_back
    while caller is not None and _kind(caller.f_code.co_filename) != "cell":
        outermost = caller if _kind(caller.f_code.co_filename) == "timed" else outermost
        caller = caller.f_back
    name = frame.f_code.co_filename
    magic = _cell_line(caller.f_code.co_filename, caller.f_lineno or 1) if caller is not None else None
    if magic is not None and outermost.f_back is caller:
        return magic  # a function from an earlier timed cell, called from this one: the line of the call is known
    if magic is None or magic.cell is None or not _holds(outermost.f_code, frame.f_code):
        return SourceLine(name, line, None, "")
    raw = _history(_shell(), "input_hist_raw")
    lines = raw[magic.cell].splitlines() if magic.cell < len(raw) else []
    body = _lines_before_body(lines, "%%time")
    line = line + body if body else magic.line  # the line magic %time: the line it stands on
    return SourceLine(name, line, magic.cell, lines[line - 1].strip() if line <= len(lines) else "")


def _holds(outer: CodeType, inner: CodeType) -> bool:
    """Whether `inner` was compiled as part of `outer`."""
    return outer is inner or any(_holds(const, inner) for const in outer.co_consts if isinstance(const, CodeType))


def _history(shell: Any, name: str) -> list[str]:
    return getattr(getattr(shell, "history_manager", None), name, [])
