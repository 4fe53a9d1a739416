"""One line or small output that is refreshed while something runs, and gone when it is over."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from nbdebug.page import Glance, Page
from nbdebug.render.numbers import one_line

Shown = Page | Glance | str
Content = Shown | Callable[[], Shown]
EVERY = 0.25  # seconds between two refreshes; faster is flicker, and fills the notebook's message queue


class Live:
    """Shows how far something is: in a notebook one output, in a terminal one line on stderr, elsewhere nothing.

        with Live() as live:
            for step in range(steps):
                live.show(f"step {step} of {steps}")

    Args:
        every: what comes within so many seconds of the last refresh is not shown.
        clock: gives seconds.
    """

    def __init__(self, *, every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._every, self._last = clock, every, float("-inf")
        self._place = _Notebook() if in_kernel() else _Terminal() if _is_terminal() else _Nowhere()

    def show(self, content: Content, *, now: bool = False) -> None:
        """Replaces what is shown, unless it was replaced a moment ago; `now` shows it in any case.

        Args:
            content: a page, a glance, a text, or a function that makes one and is called only when it is shown.
        """
        if not self.is_seen:
            return
        if now or self._clock() - self._last >= self._every:
            self._last = self._clock()
            self._tell(lambda: self._place.show(content() if callable(content) else content))

    @property
    def is_seen(self) -> bool:
        """Whether there is anyone to look: a file or a pipe gets nothing."""
        return not isinstance(self._place, _Nowhere)

    def close(self) -> None:
        """Takes the output away. Nothing happens the second time."""
        self._tell(self._place.clear)
        self._place = _Nowhere()

    def _tell(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (OSError, ValueError):  # the terminal is gone, or its stream is closed: what is measured goes on
            self._place = _Nowhere()

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _Notebook:
    """One display of the running cell, updated in place."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, content: Shown) -> None:
        bundle = _bundle(content)
        if self._handle is None:
            from IPython.display import DisplayHandle  # only here, where a kernel has it loaded already

            self._handle = DisplayHandle()
            self._handle.display(bundle, raw=True)
        else:
            self._handle.update(bundle, raw=True)

    def clear(self) -> None:
        if self._handle is not None:
            self._handle.update({"text/plain": "", "text/html": ""}, raw=True)


class _Terminal:
    """One line of stderr, overwritten from its beginning."""

    def __init__(self) -> None:
        self._shown = False

    def show(self, content: Shown) -> None:
        width = shutil.get_terminal_size().columns - 1  # a full line would wrap, and then stay
        sys.stderr.write(f"\r{_line(content)[:width]}\x1b[K")
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class _Nowhere:
    def show(self, content: Shown) -> None:
        """Silent: nobody looks, or the output is kept in a file."""

    def clear(self) -> None:
        """Nothing was shown."""


def in_kernel() -> bool:
    ipython = sys.modules.get("IPython")  # not imported: without it there is no kernel
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()  # None under pythonw


def _line(content: Shown) -> str:
    from nbdebug.render import text

    return one_line(content) if isinstance(content, str) else text.compact(content)


def _bundle(content: Shown) -> dict[str, str]:
    from nbdebug.render import html

    return {"text/plain": _line(content), "text/html": html.compact(content)}
