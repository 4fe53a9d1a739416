"""How a tap is made: what is put in place of an attribute of torch, and when a call is the loop's own."""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch

from nbdebug.taps.listeners import Score

# asked at every call: looked up each time, their names would cost more than they do
get_ident, now, has_grad = threading.get_ident, time.perf_counter, torch.is_grad_enabled
is_compiling, is_tracing, compiler = torch.compiler.is_dynamo_compiling, torch._C._is_tracing, torch.compiler
modes, mode_of = torch._C._len_torch_dispatch_stack, torch._C._get_dispatch_mode
is_transforming = torch._C._are_functorch_transforms_active  # to ask for its stack would make one, which every backward pass copies from then on


class Tapping:
    """What every tap needs. `_busy` says that one of torch's own calls runs the user's code, or torch's."""

    _listener: Any
    _score: Score
    _thread: int  # that is heard
    _busy = False
    _replaced: list[tuple[Any, str, Any, Any]]  # owner, attribute, what was there, what is there now

    def _heard(self) -> bool:
        """Whether the loop itself calls. Where torch compiles, records, transforms or plans the call it does not run it, and no value in it is real."""
        return get_ident() == self._thread and not (
            is_compiling()
            or compiler._is_compiling_flag  # it exports
            or is_tracing()  # a single operation of ours would be in the user's graph
            or is_transforming()
            or (modes() and mode_of(torch._C._TorchDispatchModeKey.FAKE) is not None)
        )

    def _outermost(
        self, owner: type, name: str, before: Callable[..., None] | None,
        after: Callable[[Any, Any], None] | None = None, scored: bool = False, bare: bool = False,
    ) -> None:  # fmt: skip
        """Taps a method that calls itself on children or on its base class: only the outermost call is told.

        Args:
            scored: it may stand in a `Score`, and nothing more than that it came needs to be told of it.
            bare: only without arguments.
        """
        original, score = owner.__dict__[name], self._score

        def call(this: Any, *args: Any, **kwargs: Any) -> Any:
            if self._busy or is_compiling():
                return original(this, *args, **kwargs)
            comes = score.comes
            if (
                scored and comes is not None and comes.key == -id(this) and get_ident() == self._thread and not (bare and (args or kwargs))
                and (comes.begins is None or self._begins(comes, sys._getframe(1)))
            ):  # fmt: skip
                score.comes = comes.next
                self._busy = True
                try:
                    return original(this, *args, **kwargs)
                finally:
                    self._busy = False
            if not self._heard():
                return original(this, *args, **kwargs)
            self._busy = True
            try:
                if before is not None:
                    before(this, args, kwargs, sys._getframe(1))
                answer = original(this, *args, **kwargs)
            finally:
                self._busy = False
            if after is not None:
                after(this, answer)
            return answer

        self._put(owner, name, functools.wraps(original)(call))

    def _begins(self, comes: Any, frame: FrameType) -> bool:
        """An update begins with this call; whether all is as known."""
        try:
            return comes.begins(frame)
        except Exception as error:
            self._score.failed(error)
            return False

    def _opens(self, comes: Any) -> Callable[[], None] | None:
        """A forward pass begins of which more is wanted."""
        try:
            return comes.opens()
        except Exception as error:
            self._score.failed(error)
            return None

    def _put(self, owner: Any, name: str, replacement: Any) -> None:
        self._replaced.append((owner, name, vars(owner)[name], replacement))
        setattr(owner, name, replacement)

    def _put_back(self) -> None:
        while self._replaced:
            owner, name, original, replacement = self._replaced[-1]
            if vars(owner).get(name) is replacement:  # another tool that tapped later keeps its own
                setattr(owner, name, original)
            self._replaced.pop()


def with_own(base: type, method: str) -> Iterator[type]:
    """The class and all below it that define the method themselves."""
    ahead, seen = [base], set()
    while ahead:
        kind = ahead.pop()
        if kind in seen:
            continue
        seen.add(kind)
        if method in vars(kind):
            yield kind
        ahead.extend(kind.__subclasses__())


def argument(args: Any, kwargs: Any, position: int, name: str, default: Any) -> Any:
    return args[position] if len(args) > position else kwargs.get(name, default)
