"""An exception of a DataLoader's worker comes as text: the worker's own traceback is in it."""

from __future__ import annotations

import re
from types import SimpleNamespace

from nbdebug.errors import said
from nbdebug.source_lines import SourceLine, is_users, line_of

CAUGHT = re.compile(r"Caught (\w+) in DataLoader worker process")
FRAME = re.compile(r'File "([^"]+)", line (\d+), in ')


def in_worker(error: BaseException) -> tuple[str, str] | None:
    """The name of the worker's own exception, and what it says; None for any other exception."""
    text = said(error)
    matched = CAUGHT.match(text)
    if matched is None:
        return None
    last = [line for line in text.splitlines() if line.startswith(f"{matched[1]}:")]
    return matched[1], last[-1].partition(":")[2].strip() if last else text


def raised_in_worker(error: BaseException) -> tuple[str, str]:
    """The file and the line of code that the worker's traceback ends at."""
    lines = said(error).splitlines()
    at = max((i for i, line in enumerate(lines) if FRAME.search(line)), default=None)
    if at is None:
        return "", ""
    return FRAME.search(lines[at])[1], lines[at + 1].strip() if at + 1 < len(lines) else ""  # type: ignore[index]


def users_line_in_worker(error: BaseException) -> SourceLine | None:
    """The innermost line of the user's own code in the traceback that a worker sent; None for any other exception."""
    text = said(error)
    if "in DataLoader worker process" not in text:
        return None
    for file, number in reversed(FRAME.findall(text)):
        code = compile("None", file, "eval")  # whose file it is, a code object is asked
        if is_users(code):
            frame = SimpleNamespace(f_code=code, f_lineno=int(number), f_back=None)
            return line_of(frame, int(number))  # type: ignore[arg-type]
    return None
