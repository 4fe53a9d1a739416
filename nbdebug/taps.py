"""Where torch is tapped while a loop is watched: every call that makes up a training step tells a listener.

A tap replaces an attribute of torch for the time and hands it back; nothing of the user's own is touched. Only the thread
that opened the taps is heard: copies of a model that run in threads, and worker processes, are not the loop. Where a listener
is deaf nothing is tapped, because each tap costs.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer, lr_scheduler
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.data import DataLoader
from torch.utils.data import dataloader as loaders

LOSSES = tuple(  # of torch.nn.functional; the loss modules call them too
    "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits "
    "kl_div ctc_loss cosine_embedding_loss margin_ranking_loss triplet_margin_loss hinge_embedding_loss multi_margin_loss "
    "multilabel_margin_loss multilabel_soft_margin_loss soft_margin_loss poisson_nll_loss gaussian_nll_loss".split()
)


# asked at every call: looked up each time, their names would cost more than they do
get_ident = threading.get_ident
is_compiling, is_tracing, compiler = torch.compiler.is_dynamo_compiling, torch._C._is_tracing, torch.compiler
transforms, modes, mode_of = torch._C._functorch.peek_interpreter_stack, torch._C._len_torch_dispatch_stack, torch._C._get_dispatch_mode


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

    That is `gave` after a forward pass, `valued` of a loss, `descends` of a backward pass, `stepped` of an optimizer, and of clearing
    nothing. `comes` has a `kind`, a `thing` (id of what is called, or a name), `facts`, `next`, and says whether it is `told` in full all
    the same; None: everything is.
    """

    __slots__ = ("comes",)

    def __init__(self) -> None:
        self.comes: Any = None


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


_open: list[Taps] = []  # every one that listens


@contextlib.contextmanager
def all_deaf() -> Iterator[None]:
    """None of the taps that are open hears anything meanwhile: a step that nbdebug repeats is no step of the loop."""
    with contextlib.ExitStack() as stack:
        for taps in _open:
            stack.enter_context(taps.deaf())
        yield


class Taps:
    """The taps, open from `open` to `close`. `busy` says that one of torch's own calls runs the user's code, or torch's."""

    def __init__(self, listener: Any, score: Score | None = None) -> None:
        self._listener = listener
        self._score = score or Score()
        self._stack: contextlib.ExitStack | None = None
        self._busy = False
        self._thread = 0
        self._stepping: list[bool] = []  # for each scaler.step that runs: whether its optimizer stepped
        self._names: dict[int, tuple[Any, bool]] = {}  # id of a called module → itself, whether it has parameters

    def open(self) -> None:
        """Taps whatever the listener hears. An interrupt in between takes off what was put on."""
        self._thread = get_ident()
        _open.append(self)
        with contextlib.ExitStack() as stack:
            stack.callback(_open.remove, self)
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
        self._names.clear()

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

    # -- each kind of call --------------------------------------------------------------------------------------

    def _modules(self, stack: contextlib.ExitStack) -> None:
        original, names, score = nn.Module.__call__, self._names, self._score

        def __call__(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if self._busy or is_compiling():
                return original(module, *args, **kwargs)
            comes = score.comes
            if (
                comes is not None and comes.thing == id(module) and comes.kind == "forward" and not comes.told
                and comes.facts == (module.training, torch.is_grad_enabled()) and get_ident() == self._thread and transforms() is None
            ):  # fmt: skip
                score.comes = comes.next
                self._busy = True
                try:
                    output = original(module, *args, **kwargs)
                finally:
                    self._busy = False
                self._listener.gave(comes, output)
                return output
            known = names.get(id(module))
            if (known is not None and known[0] is module and not known[1]) or not self._heard():
                return original(module, *args, **kwargs)
            if known is None or known[0] is not module:
                parameters = list(module.parameters())
                if any(is_lazy(p) or p.is_meta for p in parameters):  # without numbers, perhaps until this pass made them
                    return unheard(module, *args, **kwargs)
                known = names[id(module)] = (module, bool(parameters))
            if not known[1]:  # a loss, a metric, an activation called by the loop itself
                return original(module, *args, **kwargs)
            self._busy = True
            try:
                self._listener.enter(module, args, kwargs, sys._getframe(1))
                output = None
                try:
                    output = original(module, *args, **kwargs)
                finally:
                    self._listener.leave(output)
                return output
            finally:
                self._busy = False

        def unheard(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            self._busy = True
            try:
                return original(module, *args, **kwargs)
            finally:
                self._busy = False

        self._put(stack, nn.Module, "__call__", __call__)

    def _modes(self, stack: contextlib.ExitStack) -> None:
        self._outermost(stack, nn.Module, "train", lambda m, a, k, f: self._listener.mode(m, bool(_argument(a, k, 0, "mode", True)), f))

    def _losses(self, stack: contextlib.ExitStack) -> None:
        nested, score = [False], self._score
        for name in LOSSES:
            original = getattr(nn.functional, name)

            def call(*args: Any, _original: Any = original, _name: str = name, **kwargs: Any) -> Any:
                if nested[0] or is_compiling():
                    return _original(*args, **kwargs)
                comes = score.comes
                if comes is None and not self._heard():
                    return _original(*args, **kwargs)
                nested[0] = True
                try:
                    value = _original(*args, **kwargs)
                finally:
                    nested[0] = False
                if (
                    comes is not None and comes.thing == _name and comes.kind == "loss" and not comes.told and comes is score.comes
                    and isinstance(value, Tensor) and value.requires_grad is comes.facts and get_ident() == self._thread and transforms() is None
                ):  # fmt: skip
                    score.comes = comes.next
                    self._listener.valued(_name, value, args, kwargs)
                elif self._heard():
                    self._listener.loss(_name, value, args, kwargs, sys._getframe(1))
                return value

            self._put(stack, nn.functional, name, functools.wraps(original)(call))

    def _backward(self, stack: contextlib.ExitStack) -> None:
        backward, grad, score = torch.autograd.backward, torch.autograd.grad, self._score

        @functools.wraps(backward)
        def watched_backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if self._busy or not self._heard():  # a gradient penalty inside a forward, a checkpoint inside a backward
                return backward(tensors, *args, **kwargs)
            retain, comes = bool(_argument(args, kwargs, 1, "retain_graph", False)), score.comes
            if (
                comes is not None and comes.kind == "descends" and not comes.told and comes.facts == retain
                and kwargs.get("inputs") is None and isinstance(tensors, Tensor) and self._listener.descends(comes, tensors, sys._getframe(1))
            ):  # fmt: skip
                self._busy = True
                try:
                    answer = backward(tensors, *args, **kwargs)
                finally:
                    self._busy = False
                score.comes = comes.next.next
                return answer
            self._listener.before_backward(tensors, kwargs.get("inputs"), retain, sys._getframe(1))
            self._busy = True
            try:
                answer = backward(tensors, *args, **kwargs)
            finally:
                self._busy = False
            self._listener.after_backward()
            return answer

        @functools.wraps(grad)
        def watched_grad(*args: Any, **kwargs: Any) -> Any:  # checkpointed modules run again in it
            if self._busy or not self._heard():
                return grad(*args, **kwargs)
            self._busy = True
            try:
                return grad(*args, **kwargs)
            finally:
                self._busy = False

        self._put(stack, torch.autograd, "backward", watched_backward)
        self._put(stack, torch.autograd, "grad", watched_grad)

    def _zero(self, stack: contextlib.ExitStack) -> None:
        for owner in (nn.Module, *_with_own(Optimizer, "zero_grad")):
            self._outermost(stack, owner, "zero_grad", lambda o, a, k, f: self._listener.zero(o, f), kind="zero")

    def _clip(self, stack: contextlib.ExitStack) -> None:
        """What the clipping functions call inside is tapped, so that one imported by name long ago is heard too."""
        from torch.nn.utils import clip_grad

        for name in ("_clip_grads_with_norm_", "_group_tensors_by_device_and_dtype"):
            if not hasattr(clip_grad, name):  # an older torch
                continue
            original = getattr(clip_grad, name)

            def call(*args: Any, _original: Any = original, **kwargs: Any) -> Any:
                if self._heard():
                    self._tell_clip(sys._getframe(1), args, kwargs)
                return _original(*args, **kwargs)

            self._put(stack, clip_grad, name, functools.wraps(original)(call))

    def _tell_clip(self, frame: FrameType, args: Any, kwargs: Any) -> None:
        caller = frame.f_code.co_name
        if caller == "clip_grad_value_":
            gradients = frame.f_locals.get("grads") or ()
            self._listener.clip(gradients, float(frame.f_locals["clip_value"]), "value", None, frame)
        elif caller == "clip_grad_norm_":
            parameters = [args[0]] if isinstance(args[0], Tensor) else list(args[0])
            gradients = [p.grad for p in parameters if p.grad is not None]
            self._listener.clip(gradients, float(args[1]), "norm", _argument(args, kwargs, 2, "total_norm", None), frame)

    def _scaler(self, stack: contextlib.ExitStack) -> None:
        scaler_class = torch.amp.GradScaler
        stepping = self._stepping
        scale, step, unscale, update = (getattr(scaler_class, n) for n in ("scale", "step", "unscale_", "update"))

        @functools.wraps(scale)
        def watched_scale(scaler: Any, outputs: Any) -> Any:
            if scaler.is_enabled() and self._heard():
                for output in outputs if isinstance(outputs, (list, tuple)) else (outputs,):
                    self._listener.scale(scaler, output)
            return scale(scaler, outputs)

        @functools.wraps(step)
        def watched_step(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            if not scaler.is_enabled() or not self._heard():
                return step(scaler, optimizer, *args, **kwargs)
            self._listener.unscale(optimizer, False, sys._getframe(1))  # at the latest now, and fused optimizers do it themselves
            stepping.append(False)
            try:
                answer = step(scaler, optimizer, *args, **kwargs)
            finally:
                stepped = stepping.pop()
            if not stepped:
                self._listener.skipped(optimizer, sys._getframe(1))
            return answer

        @functools.wraps(unscale)
        def watched_unscale(scaler: Any, optimizer: Any) -> Any:
            answer = unscale(scaler, optimizer)
            if scaler.is_enabled() and self._heard():
                self._listener.unscale(optimizer, not stepping, sys._getframe(1))
            return answer

        @functools.wraps(update)
        def watched_update(scaler: Any, *args: Any, **kwargs: Any) -> Any:
            if scaler.is_enabled() and self._heard():
                self._listener.scaler_update(scaler, sys._getframe(1))
            return update(scaler, *args, **kwargs)

        for name, call in (("scale", watched_scale), ("step", watched_step), ("unscale_", watched_unscale), ("update", watched_update)):
            self._put(stack, scaler_class, name, call)

    def _steps(self, stack: contextlib.ExitStack) -> None:
        score = self._score

        def before(optimizer: Any, args: Any, kwargs: Any) -> None:
            given = [*args[1:], *kwargs.values()] if args and args[0] is optimizer else [*args, *kwargs.values()]
            comes = score.comes
            if comes is not None and comes.thing == id(optimizer) and comes.kind == "step" and not (comes.told or given) and get_ident() == self._thread:
                score.comes = comes.next
            elif self._heard():
                self._listener.before_step(optimizer, any(callable(a) for a in given), sys._getframe(1))

        def after(optimizer: Any, args: Any, kwargs: Any) -> None:
            comes = score.comes
            if comes is not None and comes.thing == id(optimizer) and comes.kind == "stepped" and not self._stepping and get_ident() == self._thread:
                score.comes = comes.next
                self._listener.stepped(comes, sys._getframe(1))
            elif self._heard():
                if self._stepping:
                    self._stepping[-1] = True
                self._listener.after_step(optimizer, sys._getframe(1))

        stack.callback(register_optimizer_step_pre_hook(before).remove)
        stack.callback(register_optimizer_step_post_hook(after).remove)

    def _schedulers(self, stack: contextlib.ExitStack) -> None:
        def told(scheduler: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
            if frame.f_code.co_name != "_initial_step":  # a scheduler steps once while it is built
                self._listener.schedule(scheduler, _argument(args, kwargs, 0, "metrics", None), frame)

        base = getattr(lr_scheduler, "LRScheduler", None) or lr_scheduler._LRScheduler
        for owner in _with_own(base, "step"):
            self._outermost(stack, owner, "step", told)

    def _loaders(self, stack: contextlib.ExitStack) -> None:
        begin, following = DataLoader.__iter__, loaders._BaseDataLoaderIter.__next__
        whose: dict[int, tuple[Any, Any]] = {}  # id of an iterator → itself and its loader; the last few

        @functools.wraps(begin)
        def watched_begin(loader: Any) -> Any:
            iterator = begin(loader)
            if self._heard():
                if len(whose) > 8:
                    whose.pop(next(iter(whose)))
                whose[id(iterator)] = (iterator, loader)
                self._listener.epoch(loader, sys._getframe(1))
            return iterator

        @functools.wraps(following)
        def watched_next(iterator: Any) -> Any:
            known = whose.get(id(iterator))
            if known is None or known[0] is not iterator or not self._heard():
                return following(iterator)
            started = time.perf_counter()
            batch = following(iterator)
            self._listener.batch(known[1], batch, time.perf_counter() - started, sys._getframe(1))
            return batch

        stack.callback(whose.clear)
        self._put(stack, DataLoader, "__iter__", watched_begin)
        self._put(stack, loaders._BaseDataLoaderIter, "__next__", watched_next)

    def _states(self, stack: contextlib.ExitStack) -> None:
        self._outermost(stack, nn.Module, "state_dict", None, lambda m, given: self._listener.state(m, given, sys._getframe(2)))

    def _loads(self, stack: contextlib.ExitStack) -> None:
        for owner in (nn.Module, Optimizer):
            original = owner.load_state_dict

            def load(owner_: Any, given: Any, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
                answer = _original(owner_, given, *args, **kwargs)
                if not self._busy and self._heard():
                    self._listener.load(owner_, given, answer, bool(_argument(args, kwargs, 1, "assign", False)), sys._getframe(1))
                return answer

            self._put(stack, owner, "load_state_dict", functools.wraps(original)(load))

    # -- how a tap is made --------------------------------------------------------------------------------------

    def _heard(self) -> bool:
        """Whether the loop itself calls. Where torch compiles, records, transforms or plans the call it does not run it, and no value in it is real."""
        return get_ident() == self._thread and not (
            is_compiling()
            or compiler._is_compiling_flag  # it exports
            or is_tracing()  # a single operation of ours would be in the user's graph
            or transforms() is not None
            or (modes() and mode_of(torch._C._TorchDispatchModeKey.FAKE) is not None)
        )

    def _outermost(
        self, stack: contextlib.ExitStack, owner: type, name: str, before: Callable[..., None] | None,
        after: Callable[[Any, Any], None] | None = None, kind: str = "",
    ) -> None:  # fmt: skip
        """Taps a method that calls itself on children or on its base class: only the outermost call is told.

        Args:
            kind: of the call in a `Score`, where nothing more than that it came needs to be told of it.
        """
        original, score = owner.__dict__[name], self._score

        def call(this: Any, *args: Any, **kwargs: Any) -> Any:
            if self._busy or is_compiling():
                return original(this, *args, **kwargs)
            comes = score.comes
            known = comes is not None and comes.kind == kind and comes.thing == id(this) and not comes.told and get_ident() == self._thread
            if not known and not self._heard():
                return original(this, *args, **kwargs)
            self._busy = True
            try:
                if known:
                    score.comes = comes.next
                elif before is not None:
                    before(this, args, kwargs, sys._getframe(1))
                answer = original(this, *args, **kwargs)
            finally:
                self._busy = False
            if after is not None:
                after(this, answer)
            return answer

        self._put(stack, owner, name, functools.wraps(original)(call))

    @staticmethod
    def _put(stack: contextlib.ExitStack, owner: Any, name: str, replacement: Any) -> None:
        original = vars(owner)[name]
        setattr(owner, name, replacement)

        def back() -> None:
            if vars(owner).get(name) is replacement:  # another tool that tapped later keeps its own
                setattr(owner, name, original)

        stack.callback(back)


def _with_own(base: type, method: str) -> Iterator[type]:
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


def _argument(args: Any, kwargs: Any, position: int, name: str, default: Any) -> Any:
    return args[position] if len(args) > position else kwargs.get(name, default)
