"""Names around modules, so that torch's profiler and Nsight Systems show a step as its modules."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as global_hooks
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.profiler import record_function

from nbdebug.batch import tensors
from nbdebug.listening import module_paths

FORWARD, BACKWARD = "forward ", "backward "
ROOT = "(model)"  # what the model itself is called, whose path is empty
MARK = "nbdebug range"  # left at a node of the graph, which belongs to the innermost module that made it
Opened = Callable[[], None]  # closes it
Opener = Callable[[str], Opened]


@contextlib.contextmanager
def named_ranges(model: nn.Module, *, backward: bool = True, opener: Opener | None = None) -> Iterator[None]:
    """Puts the name of each module around its forward and backward pass, while the block runs.

    In torch's profiler they are ranges such as `forward encoder.0`; where CUDA is there they are NVTX ranges of the same names, so that
    `nsys profile -t cuda,nvtx python train.py` shows them:

        with nbdebug.named_ranges(model):
            for batch in train_loader:
                ...

    A backward range begins where the gradient of a module's output arrives, and ends where the next one begins. A model that was
    compiled before ignores the names.

    Args:
        backward: whether the backward pass gets names too.
        opener: called with a name, returns what closes the range; default: the profiler and, with CUDA, NVTX.
    """
    names = {key: path or ROOT for key, path in module_paths(model).items()}
    listener = _Listener(names, opener or _opened, backward)
    enter, leave = register_module_forward_pre_hook(listener.enter), None
    try:
        leave = register_module_forward_hook(listener.leave, always_call=True)
        yield
    finally:
        enter.remove()
        if leave is not None:
            leave.remove()
            global_hooks._global_forward_hooks_always_called.pop(leave.id, None)  # what remove() forgets
        listener.close()


class _Listener:
    def __init__(self, names: dict[int, str], opener: Opener, backward: bool) -> None:
        self.names, self.opener, self.backward = names, opener, backward
        self.running: list[tuple[int, Opened]] = []  # id of the module, what closes its range
        self.walking: Opened | None = None  # closes the backward range that is open

    def enter(self, module: nn.Module, args: Any) -> None:
        if name := self.names.get(id(module)):
            self.running.append((id(module), self.opener(FORWARD + name)))

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if id(module) not in self.names:
            return
        while self.running:  # a module that raised, and whose error was caught, may not have left
            key, close = self.running.pop()
            close()
            if key == id(module):
                break
        if self.backward and output is not None:
            self._mark(self.names[id(module)], output)

    def _mark(self, name: str, output: Any) -> None:
        for _, tensor in tensors(output):
            node = tensor.grad_fn if isinstance(tensor, Tensor) else None
            if node is not None and MARK not in node.metadata:
                node.metadata[MARK] = True
                node.register_prehook(lambda gradients, name=name: self._walk(name))

    def _walk(self, name: str) -> None:
        if self.walking is None:
            torch.autograd.Variable._execution_engine.queue_callback(self._walked)
        self._walked()
        self.walking = self.opener(BACKWARD + name)

    def _walked(self) -> None:
        close, self.walking = self.walking, None
        if close is not None:
            close()

    def close(self) -> None:
        """Closes what an error left open."""
        while self.running:
            self.running.pop()[1]()
        self._walked()


def _opened(name: str) -> Opened:
    """A range for the profiler; with CUDA one that Nsight Systems sees, and that may be closed by another thread."""
    if torch.cuda.is_available():
        mark = torch.cuda.nvtx.range_start(name)
        if name.startswith(BACKWARD):
            return lambda: torch.cuda.nvtx.range_end(mark)
        noted = _noted(name)

        def close() -> None:
            noted()
            torch.cuda.nvtx.range_end(mark)

        return close
    return _noted(name)


def _noted(name: str) -> Opened:
    noted = record_function(name)
    noted.__enter__()
    return lambda: noted.__exit__(None, None, None)
