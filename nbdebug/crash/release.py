"""Letting go of what the frames of a traceback hold."""

from __future__ import annotations

import traceback as traces
from inspect import CO_OPTIMIZED
from types import TracebackType

from nbdebug.crash.scene import origin_of


def let_go(traceback: TracebackType | None) -> None:
    """Clears the frames of a traceback, and what was once asked for their variables."""
    traces.clear_frames(traceback)
    while traceback is not None:
        if traceback.tb_frame.f_code.co_flags & CO_OPTIMIZED:
            traceback.tb_frame.f_locals  # noqa: B018  before Python 3.13 asking brings the kept dict up to date, and the frame is empty now
        traceback = traceback.tb_next


def release(error: BaseException) -> None:
    """Lets go of what the frames of an exception, and of those behind it, hold."""
    seen: set[int] = set()
    ahead: list[BaseException | None] = [error, origin_of(error)]
    while ahead:
        one = ahead.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        let_go(one.__traceback__)
        ahead += [one.__cause__, one.__context__]
