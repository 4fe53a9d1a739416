"""One training step, operator by operator: `with Trace(models) as trace: …` and then `trace.origin()`.

Every operator's result is looked at; only where something is bad more is done, so that a sound step costs little. The trace holds marks on
the memory of bad numbers as long as the step lasts, and copies none of them. Nothing that the step computes changes by it.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from nbdebug.nonfinite.origin import Origin
from nbdebug.nonfinite.trace.blame import Ends, origin_of
from nbdebug.nonfinite.trace.forward import Recorder
from nbdebug.source_lines import users_frame


class Trace:
    """Everything inside is recorded, operator by operator.

    Args:
        models: whose modules name the places, and whose parameters' gradients are ends.
        batch: what the step is computed from.
        indices: of its samples in the dataset.
        scale: the factor by which a GradScaler multiplies the loss.
        carried: variables that the step before left behind: name → tensors, however nested.
    """

    def __init__(
        self, models: Iterable[nn.Module], *, batch: Any = None, indices: tuple[int, ...] | None = None, scale: float = 1.0,
        carried: Mapping[str, Any] | None = None,
    ) -> None:
        self.roots: list[Tensor] = []
        self.trouble = ""  # what of the trace itself failed first
        self._models = tuple(models)
        self._recorder = Recorder(self._models)
        self._given: tuple[Any, ...] = (batch, indices, carried or {})
        self._ends = Ends(scale)
        self._stack: contextlib.ExitStack | None = None

    def __enter__(self) -> Trace:
        with contextlib.ExitStack() as stack:  # an interrupt in between takes off what was put on
            self._guarded(self._recorder.outside, self._models, *self._given)
            running = self._recorder.running
            stack.callback(register_module_forward_pre_hook(running.enter).remove)
            stack.callback(register_module_forward_hook(running.leave, always_call=True).remove)
            stack.callback(register_optimizer_step_pre_hook(self._before_step).remove)
            stack.callback(register_optimizer_step_post_hook(self._after_step).remove)
            self._tap(stack, "backward", self._backward)
            self._tap(stack, "grad", self._grad)
            self._uncompiled(stack)
            stack.enter_context(_Mode(self))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            stack.close()
            self.roots = [root.detach() for root in self.roots]  # without their graphs
            self._guarded(self._ends.buffers, self._models, self._recorder)
        self._given = (None, None, {})
        self._recorder.forget()

    def origin(self, step: int = 0) -> Origin | None:
        """Where the first bad value was born that reached the loss, or a gradient; None when all of them are finite."""
        return origin_of(self._ends, self._recorder, step, self.trouble)

    def _uncompiled(self, stack: contextlib.ExitStack) -> None:
        """Compiled functions run as they were written; the compiler is imported only where it is in use."""
        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", message="Using `torch.compile")  # of the hooks of modules, which are gone again soon
            return
        original, late = torch.compile, contextlib.ExitStack()

        @functools.wraps(original)
        def compile(*args: Any, **kwargs: Any) -> Any:
            compiled = original(*args, **kwargs)
            late.enter_context(torch.compiler.set_stance("force_eager"))
            return compiled

        stack.enter_context(late)
        stack.callback(setattr, torch, "compile", original)
        torch.compile = compile

    # -- what is tapped ---------------------------------------------------------------------------------------------

    def _tap(self, stack: contextlib.ExitStack, name: str, tapped: Any) -> None:
        original = getattr(torch.autograd, name)
        stack.callback(setattr, torch.autograd, name, original)
        setattr(torch.autograd, name, functools.wraps(original)(functools.partial(tapped, original)))

    def _backward(self, original: Any, tensors: Any, *args: Any, **kwargs: Any) -> Any:
        running = self._recorder.running
        if running.backward_from is not None:  # a checkpoint's, inside of a backward pass
            return original(tensors, *args, **kwargs)
        tensors = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
        self.roots.extend(tensors)
        self._guarded(self._ends.losses, tensors, self._recorder)
        running.backward_from = users_frame(sys._getframe(1))
        try:
            with torch.autograd.set_detect_anomaly(False):  # it would stop at the NaN that is to be followed
                answer = original(tensors, *args, **kwargs)
        finally:
            running.backward_from, running.after_backward = None, True
        self._guarded(self._ends.gradients, self._models, self._recorder)
        return answer

    def _grad(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        running = self._recorder.running
        outer, running.backward_from = running.backward_from, users_frame(sys._getframe(1))
        try:
            return original(*args, **kwargs)
        finally:
            running.backward_from = outer

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        given = [*args[1:], *kwargs.values()] if args and args[0] is optimizer else [*args, *kwargs.values()]
        if not any(callable(a) for a in given):  # a closure runs the step again
            self._guarded(self._ends.gradients, self._models, self._recorder)  # as clipping left them
            self._recorder.paused = True

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._recorder.paused = False

    def _guarded(self, told: Any, *args: Any) -> None:
        """A mistake of the trace must not stop the user's step; and its own operators are none of the step's."""
        paused, self._recorder.paused = self._recorder.paused, True
        try:
            with torch.no_grad():
                told(*args)
        except Exception as error:
            self.trouble = self.trouble or f"{type(error).__name__}: {error}"
        finally:
            self._recorder.paused = paused


class _Mode(TorchDispatchMode):
    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the compiler is imported, seconds of it, only to be kept away from here

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        recorder = self.trace._recorder
        if recorder.paused:
            return func(*args, **kwargs)
        before = None
        try:
            with torch._C.DisableTorchFunction():
                before = recorder.before(func, args, kwargs)
        except Exception as error:
            self._failed(error)
        out = func(*args, **kwargs)
        if before is not None:
            try:
                with torch._C.DisableTorchFunction():
                    recorder.after(before, args, kwargs, out)
            except Exception as error:
                self._failed(error)
        return out

    def _failed(self, error: Exception) -> None:
        self.trace.trouble = self.trace.trouble or f"{type(error).__name__}: {error}"
