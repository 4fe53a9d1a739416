"""An exception of a rank as the kernel hears it: the user's own line, the traceback without our frames, and whether another rank's end caused it."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from typing import Any

import torch.distributed as dist

from nbdebug import source_lines
from nbdebug.errors import StepError, said
from nbdebug.source_lines import SourceLine, users_line_of_traceback

ANOTHER_WENT = re.compile(  # what gloo, NCCL and the store say when another rank is gone or does not answer
    r"Connection closed by peer|Connection reset by peer|Broken pipe|Connection refused|Timed out waiting|timed out|Socket Timeout|wait timeout"
    r"|Application timeout caused pair closure|communicator was aborted|failed to pass monitoredBarrier|failed to recv|gloo[\\/]transport",
    re.IGNORECASE,
)
OF_A_WORKER = re.compile(r"Caught (\w+) in DataLoader worker process \d+\.")
FILE_LINE = re.compile(r'^  File "(.+)", line (\d+), in ', re.MULTILINE)


def event_of(error: BaseException, step: int) -> dict[str, Any]:
    """The fields of an `error` event."""
    shown = _users(error)
    line = _line(shown)
    return {
        "etype": type(shown).__name__, "message": _message(shown), "traceback": text(shown), "line": str(line) if line is not None else "",
        "secondary": is_secondary(error), "step": step,
    }  # fmt: skip


def is_secondary(error: BaseException) -> bool:
    """Whether this came because another rank raised, died or fell silent: the first error of its chain is one of the group's."""
    first = _first(error)
    if isinstance(first, tuple(kind for name in ("DistBackendError", "DistNetworkError", "DistStoreError") if (kind := getattr(dist, name, None)))):
        return True
    return type(first) in (RuntimeError, getattr(dist, "DistError", RuntimeError)) and bool(ANOTHER_WENT.search(said(first)))


def text(error: BaseException) -> str:
    """The traceback as Python prints it, without nbdebug's own frames, and with cells named as the notebook names them."""
    told = traceback.TracebackException.from_exception(error)
    for part in _parts(told):
        own = [frame for frame in part.stack if not frame.filename.startswith(source_lines.OURSELVES)]
        part.stack[:] = [_named(frame) for frame in (own or part.stack)]
    return "".join(told.format()).encode("utf-8", "backslashreplace").decode()


def _users(error: BaseException) -> BaseException:
    """What the user's code raised, under the word that nbdebug put over it."""
    return error.__cause__ if isinstance(error, StepError) and error.__cause__ is not None else error


def _first(error: BaseException) -> BaseException:
    """What began it: an error in `finally` or `except` is a consequence."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is None:
            return error
        error = before
    return error


def _message(error: BaseException) -> str:
    """What it says; of a worker's error the last line, the lines above are its traceback."""
    message = said(error)
    if OF_A_WORKER.match(message):
        last = message.rstrip().splitlines()[-1]
        return last.removeprefix(f"{type(error).__name__}: ") + " (in a DataLoader worker)"
    return message


def _line(error: BaseException) -> SourceLine | None:
    """The user's line; of an error in a worker the line there, not the loop that waited for the batch."""
    message = said(error)
    if OF_A_WORKER.match(message):
        places = [(compile("", file, "exec"), int(line)) for file, line in FILE_LINE.findall(message)]
        if own := [place for place in places if source_lines.is_users(place[0])]:
            return source_lines.line_of_code(*own[-1])
    return users_line_of_traceback(error.__traceback__)


def _parts(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """An exception and those it came from."""
    ahead, seen = [told], set()
    while ahead:
        part = ahead.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        ahead.extend(p for p in (part.__cause__, part.__context__, *(getattr(part, "exceptions", None) or ())) if p is not None)


def _named(frame: traceback.FrameSummary) -> traceback.FrameSummary:
    number = source_lines.overrides.get(frame.filename)
    if number is not None and frame.line is not None:  # asked for first: it is looked up under the name
        above = source_lines.above.get(frame.filename, 0)
        frame.filename, frame.lineno = f"Cell In[{number}]", (frame.lineno or 0) + above
        if getattr(frame, "end_lineno", None) is not None:
            frame.end_lineno += above
    return frame
