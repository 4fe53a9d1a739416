"""All taps together, from the time they are opened until they are closed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from nbdebug.taps.data import Data
from nbdebug.taps.forward import Forward
from nbdebug.taps.listeners import Score, hears
from nbdebug.taps.making import get_ident
from nbdebug.taps.updates import Backward, Updates

_open: list[Taps] = []  # every one that listens


@contextlib.contextmanager
def all_deaf() -> Iterator[None]:
    """None of the taps that are open hears anything meanwhile: a step that nbdebug repeats is no step of the loop."""
    with contextlib.ExitStack() as stack:
        for taps in _open:
            stack.enter_context(taps.deaf())
        yield


class Taps(Forward, Backward, Updates, Data):
    """The taps, open from `open` to `close`. `busy` says that one of torch's own calls runs the user's code, or torch's."""

    def __init__(self, listener: Any, score: Score | None = None) -> None:
        self._listener = listener
        self._score = score or Score()
        self._stack: contextlib.ExitStack | None = None
        self._busy = False
        self._thread = 0
        self._replaced: list[tuple[Any, str, Any, Any]] = []
        self._stepping: list[bool] = []  # for each scaler.step that runs: whether its optimizer stepped
        self._models: dict[int, Any] = {}  # id of a called module → itself, of those with parameters
        self._bare: dict[int, Any] = {}  # of those without

    def open(self) -> None:
        """Taps whatever the listener hears. An interrupt in between takes off what was put on."""
        self._thread = get_ident()
        _open.append(self)
        with contextlib.ExitStack() as stack:
            stack.callback(_open.remove, self)
            stack.callback(self._put_back)
            for tap, *calls in (
                (self._modules, "enter", "leave"), (self._modes, "mode"), (self._losses, "loss"),
                (self._backward, "before_backward", "after_backward"), (self._zero, "zero"), (self._clip, "clip"),
                (self._scaler, "scale", "unscale", "scaler_update", "skipped"), (self._steps, "before_step", "after_step", "skipped"),
                (self._schedulers, "schedule"), (self._loaders, "epoch", "batch"), (self._states, "state"), (self._loads, "load"),
            ):  # fmt: skip
                if hears(self._listener, *calls):
                    tap(stack)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Hands everything back. Nothing happens the second time."""
        stack, self._stack = self._stack, None
        if stack is not None:
            stack.close()
        self._models.clear()
        self._bare.clear()

    @contextlib.contextmanager
    def deaf(self) -> Iterator[None]:
        """Hears nothing meanwhile: what nbdebug itself computes is no call of the loop."""
        if get_ident() != self._thread:  # is not heard anyway, and the loop goes on
            yield
            return
        thread, self._thread = self._thread, 0
        try:
            yield
        finally:
            self._thread = thread
