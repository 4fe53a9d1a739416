"""`nbdebug.armed()`: the user's own loop as it is, stopped before its first NaN reaches the weights, with the line where that was born."""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from nbdebug.errors import NotFinite, SetupError
from nbdebug.instruments.base import JUDGED, ranked
from nbdebug.instruments.find_nan import wording
from nbdebug.instruments.find_nan.result import FindNan
from nbdebug.instruments.report import Report, remember
from nbdebug.nonfinite.loop.armed import Armament
from nbdebug.taps import Taps

_open: list[Armed] = []  # at most one


class Armed(contextlib.ContextDecorator):
    """A loop that is armed: `with nbdebug.armed() as armed: ...`, then `armed.report()`."""

    def __init__(self, *, stop: bool = True, capsule: str | None = None) -> None:
        self._stop, self._capsule = stop, capsule or None
        self._armament = Armament()
        self._taps: Taps | None = None
        self._seconds, self._started, self._stopped = 0.0, 0.0, ""

    def __enter__(self) -> Armed:
        if _open:
            raise SetupError("a loop is armed already: leave its `with` block first, one tripwire sees every model that trains")
        self._armament = Armament(directory=self._capsule, stop=self._error if self._stop else None)
        self._stopped, self._started = "", time.perf_counter()
        self._taps = Taps(self._armament.listener)
        _open.append(self)
        try:
            self._taps.open()
        except BaseException:
            self._close("")
            raise
        return self

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """As a decorator: every call of the function is armed."""
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise SetupError(f"{function.__name__} does not run when it is called: arm the loop itself with `with nbdebug.armed()`")
        return super().__call__(function)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        ours = isinstance(error, NotFinite)
        self._close("" if kind is None or ours else "interrupted" if issubclass(kind, KeyboardInterrupt) else f"the loop raised {kind.__name__}")
        if ours or isinstance(error, KeyboardInterrupt):
            error.report = self.report()  # type: ignore[union-attr]

    def result(self) -> FindNan:
        """What was seen so far, in plain values."""
        return FindNan(**self._armament.fields())

    def report(self) -> Report:
        """Where the first NaN or Inf was born, or that there was none; also while the loop runs."""
        result = self.result()
        judged = JUDGED["find_nan"]
        verdicts, findings = judged.judge(result)
        subject = " · ".join(filter(None, [self._armament.subject, f"{result.steps:,} steps"]))
        seconds = self._seconds + (time.perf_counter() - self._started if self in _open else 0.0)
        stopped = "still running" if self in _open else self._stopped
        return remember(
            Report(judged.name, judged.title, judged.level, result, ranked(findings), verdicts, subject=subject, stopped=stopped, seconds=seconds)
        )

    @property
    def steps(self) -> int:
        """That were finite."""
        return self._armament.steps

    def __repr__(self) -> str:
        state = "armed" if self in _open else "over"
        return f"<nbdebug.armed, {state}: {self.steps} steps; .report() says what was seen>"

    def _close(self, why: str) -> None:
        """Takes everything off, whatever happens on the way."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._armament.release)
            if self._taps is not None:
                stack.callback(self._taps.close)
            if self in _open:
                _open.remove(self)
            self._taps, self._stopped = None, why
            self._seconds += time.perf_counter() - self._started

    def _error(self) -> NotFinite:
        origin = self._armament.found.origin
        error = NotFinite(f"step {origin.step}: {wording.headline(origin)}; the report says how")
        error.report = self.report()
        return error


def armed(*, stop: bool = True, capsule: str | None = None) -> Armed:
    """Arms the training loop that runs inside its `with` block against NaN and Inf; changes nothing in it, and costs next to nothing.

        with nbdebug.armed():
            train(model, loader)

    At the first loss, gradient or weight that is not finite the step is repeated operator by operator, and the loop stopped. The weights
    are then those from before that step; where it was the update itself that spoilt them they are put back, with the optimizer's state and
    the statistics of norm layers, or the report says which of them hold NaN now. Infinities that do no harm, such as masks of -inf, and steps that a GradScaler skips are no alarm.

    Args:
        stop: leave the loop at the first trip with `NotFinite`, whose `.report` says where it was born; otherwise it goes on.
        capsule: a directory for a file of the failing step, which `nbdebug.replay` reads; None: nothing is written.

    Raises:
        NotFinite: something was not finite.
        SetupError: another loop is armed already.
    """
    return Armed(stop=stop, capsule=capsule)
