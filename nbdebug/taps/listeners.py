"""What a listener of the taps is told, and what it may know beforehand."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any

from torch import nn


class Silent:
    """What a listener is told; of itself it hears nothing, and only what a listener of its kind does hear is tapped.

    `frame` is where torch was called from; the user's line is there or further out.
    """

    def epoch(self, loader: Any, frame: FrameType) -> None: ...
    def batch(self, loader: Any, batch: Any, seconds: float, frame: FrameType) -> None: ...
    def mode(self, model: nn.Module, training: bool, frame: FrameType) -> None: ...
    def enter(self, model: nn.Module, args: Any, kwargs: Any, frame: FrameType) -> None: ...
    def leave(self, output: Any) -> None: ...
    def loss(self, name: str, value: Any, args: Any, kwargs: Any, frame: FrameType) -> None: ...
    def before_backward(self, tensors: Any, inputs: Any, retain: bool, frame: FrameType) -> None: ...
    def after_backward(self) -> None: ...
    def zero(self, owner: Any, frame: FrameType) -> None: ...
    def clip(self, gradients: Any, limit: float, by: str, norm: Any, frame: FrameType) -> None: ...
    def scale(self, scaler: Any, output: Any) -> None: ...
    def unscale(self, optimizer: Any, explicit: bool, frame: FrameType) -> None: ...
    def scaler_update(self, scaler: Any, frame: FrameType) -> None: ...
    def before_step(self, optimizer: Any, closure: bool, frame: FrameType) -> None: ...
    def after_step(self, optimizer: Any, frame: FrameType) -> None: ...
    def skipped(self, optimizer: Any, frame: FrameType) -> None: ...
    def schedule(self, scheduler: Any, metric: Any, frame: FrameType) -> None: ...
    def state(self, model: nn.Module, given: Any, frame: FrameType) -> None: ...
    def load(self, owner: Any, given: Any, answer: Any, assign: bool, frame: FrameType) -> None: ...


class Score:
    """What is known to come next: of a call that goes as it stands here a listener is told only what it brings that is new.

    `comes` has a `kind`, a `key` (`key_of`), `facts` and `next`. It begins an update where it has `begins`, which is
    given the frame of the caller and says whether all is as known, and is told what it brought by `tell`, where it has that: a forward pass
    its output, a loss its value and arguments, a batch when it was asked for and came, clipping the norm, an optimizer's step nothing; a
    backward pass its root and frame before it runs, and says whether all is as known. A forward pass may have `opens`, which comes before
    it and gives what comes after it, whatever happens; it and a loss may have `rests`: so many times they come untold. None: everything is told.
    """

    __slots__ = ("comes", "failed")

    def __init__(self) -> None:
        self.comes: Any = None
        self.failed: Callable[[Exception], None] = _raised  # is given what goes wrong in `begins` or `tell`


def key_of(kind: str, thing: Any) -> Any:
    """A call of a `Score` in one number or name, that no other call has: asked at each. None where its kind is asked.

    Args:
        thing: id of what is called, or a name.
    """
    if kind in ("forward", "loss", "batch", "step"):
        return thing
    return -thing if kind in ("zero", "schedule") else ~thing if kind == "stepped" else None


def _raised(error: Exception) -> None:
    raise error


def hears(listener: Any, *calls: str) -> bool:
    """Whether a listener, or the one that it guards, does anything with one of these calls."""
    listener = vars(listener).get("listener", listener)
    told = ((call, getattr(listener, call)) for call in calls)
    return any(getattr(heard, "__func__", heard) is not getattr(Silent, call) for call, heard in told)


class Both:
    """Passes every call on to two listeners, one after the other."""

    def __init__(self, first: Any, second: Any) -> None:
        self._listeners = (first, second)

    def __getattr__(self, name: str) -> Callable[..., None]:
        told = [getattr(listener, name) for listener in self._listeners if hears(listener, name)]
        if len(told) < 2:
            return told[0] if told else getattr(Silent(), name)
        first, second = told

        def both(*args: Any) -> None:
            first(*args)
            second(*args)

        setattr(self, name, both)  # found at once the next time
        return both
