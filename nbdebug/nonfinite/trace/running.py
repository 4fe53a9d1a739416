"""What runs right now: which module, on which line of the user's, in the forward or in the backward pass."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.loss import _Loss

from nbdebug.listening import module_paths
from nbdebug.nonfinite.trace.events import Forward, Place
from nbdebug.source_lines import SourceLine, line_of, users_frame

CHECKPOINT = os.path.join("torch", "utils", "checkpoint.py")
FUNCTION = os.path.join("torch", "autograd", "function.py")


class Running:
    """Follows the modules by their hooks, and knows for every node of autograd the operator that it was made for."""

    def __init__(self, models: Iterable[nn.Module]) -> None:
        self._paths: dict[int, str] = {}
        for model in models:
            for key, path in module_paths(model).items():
                self._paths.setdefault(key, path)
        self._modules: list[tuple[nn.Module, str | None]] = []
        self._any_yet = False  # whether a module of the models ran in this step
        self.after_backward = False  # whether none ran since the last backward pass
        self._lines: dict[tuple[str, int], SourceLine | None] = {}
        self._forward: dict[int, tuple[Any, ...] | None] = {}  # number of a node → what the forward operator left
        self._last: tuple[Any, ...] | None = None
        self._into_view = False
        self._first = self._next = _next_number()  # the nodes of the operator before: from its first one to the next one to come
        self._thread = threading.get_ident()
        self.backward_from: FrameType | None = None  # the user's frame that called backward(), while it runs

    # -- hooks of the modules -----------------------------------------------------------------------------------------

    def enter(self, module: nn.Module, args: Any) -> None:
        path = self._paths.get(id(module))
        if path is not None:
            self._any_yet, self.after_backward = True, False
        self._modules.append((module, path))

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        while self._modules:  # called after an error too, but an interrupt leaves without it
            if self._modules.pop()[0] is module:
                return

    # -- nodes of autograd ------------------------------------------------------------------------------------------------

    def note(self, func: Any, in_place: bool, into_view: bool) -> None:
        """Called for every operator, after its node was made and before it runs."""
        number = _next_number()
        if threading.get_ident() != self._thread:  # each thread counts its own nodes
            return
        if number == self._next:
            if in_place and self._last is not None and self._last[0] is torch.ops.aten.clone.default:
                self._keep(self._first, number, (func, *self._last[1:]))  # what it needs of the old values was copied before it
            return
        node = _node()
        if node is not None and not self._is_repeated_forward():  # of a second derivative: the same forward operator
            left = self._forward.get(node._sequence_nr())
        else:
            frame = users_frame(sys._getframe(2))
            self._line(frame)
            module = self._modules[-1][0] if self._modules else None
            left = (func, self._phase(), self._path(), type(module), _key(frame), None if torch.is_grad_enabled() else self._applied())
        if self._into_view:  # the nodes of a copy into a slice are made after it
            self._keep(self._next, number - 1, self._last)
        self._keep(number - 1 if self._into_view else self._next, number, left)
        self._into_view = into_view

    def _keep(self, first: int, number: int, left: tuple[Any, ...] | None) -> None:
        """One operator may have several nodes: under torch.func one for each level."""
        for each in range(first, number):
            self._forward[each] = left
        self._first, self._next, self._last = first, number, left

    def forward_of(self, node: Any) -> Forward | None:
        """The operator whose derivative a node is."""
        left = self._forward.get(node._sequence_nr())
        if left is None or (threading.get_ident() != self._thread and not _is_of(node, left[0])):
            return None
        func, phase, path, module, key, applied = left
        return Forward(str(func), Place(phase, path, _torchs(module), self._lines.get(key)), self._lines.get(applied))

    # -- the place ------------------------------------------------------------------------------------------------------

    def place(self) -> tuple[Place, Any, str]:
        """Where we are; the node of autograd that runs, if any; and which code of the user's it runs: "function", "hook" or ""."""
        frame = users_frame(sys._getframe(2))
        module = self._modules[-1][0] if self._modules else None
        node = _node()
        if node is None or self._is_repeated_forward():
            return Place(self._phase(), self._path(), _torchs(type(module)), self._line(frame)), None, ""
        own = "" if frame is None or frame is self.backward_from else "function" if _is_custom(node) else "hook"
        return Place("backward", "", "", self._line(frame)), node, own

    def _phase(self) -> str:
        """The loss is what is computed outside of the models, once they ran, and by torch's own modules of that kind."""
        inside = any(path is not None for _, path in self._modules)
        if self._modules and isinstance(self._modules[-1][0], _Loss):
            return "loss"
        if inside or not self._any_yet:
            return "forward"
        return "backward" if self.after_backward else "loss"

    def _path(self) -> str:
        return next((path for _, path in reversed(self._modules) if path is not None), "")

    def _line(self, frame: FrameType | None) -> SourceLine | None:
        """Asked while the frame runs, and once for each line."""
        if frame is None:
            return None
        key = _key(frame)
        if key not in self._lines:
            self._lines[key] = line_of(frame)
        return self._lines[key]

    def _is_repeated_forward(self) -> bool:
        """Whether a checkpoint runs its part of the forward pass again, inside the backward pass."""
        return torch.is_grad_enabled() and _caller_in(CHECKPOINT) is not None

    def _applied(self) -> tuple[str, int] | None:
        """The line that applies a custom Function whose forward runs now."""
        frame = _caller_in(FUNCTION)
        line = users_frame(frame)
        self._line(line)
        return _key(line) if frame is not None else None


def _key(frame: FrameType | None) -> Any:
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _caller_in(file: str) -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and not frame.f_code.co_filename.endswith(file):
        frame = frame.f_back
    return frame


def _torchs(kind: type) -> str:
    return kind.__name__ if kind.__module__.startswith("torch.nn") else ""


def _is_of(node: Any, func: Any) -> bool:
    """Whether the names agree, of `SqrtBackward0` and `aten.sqrt`: a number of another thread's may be somebody else's."""
    name = func._schema.name.split("::")[-1].replace("_", "").lower()
    return _is_custom(node) or node.name().lower().split("backward")[0].removeprefix("torch::autograd::") == name


def _is_custom(node: Any) -> bool:
    """Whether a node is a Function written in Python; torch's own one, for the hooks of modules, is not."""
    return isinstance(node, torch.autograd.function.BackwardCFunction) and not node.name().startswith("BackwardHook")


def _next_number() -> int:
    return int(torch._C._autograd._get_sequence_nr())


def _node() -> Any:
    return torch._C._current_autograd_node()
