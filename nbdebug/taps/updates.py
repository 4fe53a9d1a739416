"""Taps of what makes an update: backward passes, clearing, clipping, the scaler, optimizers and schedulers."""

from __future__ import annotations

import contextlib
import functools
import sys
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from nbdebug.taps.making import Tapping, argument, get_ident, with_own


class Backward(Tapping):
    """From the loss to gradients, and what is done to these."""

    def _backward(self, stack: contextlib.ExitStack) -> None:
        backward, grad, score = torch.autograd.backward, torch.autograd.grad, self._score

        @functools.wraps(backward)
        def watched_backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if self._busy:  # a gradient penalty inside a forward, a checkpoint inside a backward
                return backward(tensors, *args, **kwargs)
            comes = score.comes
            retain = bool(args[1] if len(args) > 1 else kwargs.get("retain_graph"))
            if (
                comes is not None and comes.kind == "descends" and comes.facts is retain and isinstance(tensors, Tensor)
                and get_ident() == self._thread and kwargs.get("inputs") is None
            ):  # fmt: skip
                try:
                    known = comes.tell(tensors, sys._getframe(1))
                except Exception as error:
                    score.failed(error)
                    known = False
                if known:
                    self._busy = True
                    try:
                        answer = backward(tensors, *args, **kwargs)
                    finally:
                        self._busy = False
                    score.comes = comes.next.next
                    return answer
            if not self._heard():
                return backward(tensors, *args, **kwargs)
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

        self._put(torch.autograd, "backward", watched_backward)
        self._put(torch.autograd, "grad", watched_grad)

    def _zero(self, stack: contextlib.ExitStack) -> None:
        for owner in (nn.Module, *with_own(Optimizer, "zero_grad")):
            self._outermost(owner, "zero_grad", lambda o, a, k, f: self._listener.zero(o, f), scored=True)

    def _clip(self, stack: contextlib.ExitStack) -> None:
        """What the clipping functions call inside is tapped, so that one imported by name long ago is heard too."""
        from torch.nn.utils import clip_grad

        for name in ("_clip_grads_with_norm_", "_group_tensors_by_device_and_dtype"):
            if not hasattr(clip_grad, name):  # an older torch
                continue
            original = getattr(clip_grad, name)

            def call(*args: Any, _original: Any = original, **kwargs: Any) -> Any:
                frame = sys._getframe(1)
                if frame.f_code.co_name in ("clip_grad_norm_", "clip_grad_value_"):  # these call others that call it too
                    self._tell_clip(frame, args, kwargs)
                return _original(*args, **kwargs)

            self._put(clip_grad, name, functools.wraps(original)(call))

    def _tell_clip(self, frame: FrameType, args: Any, kwargs: Any) -> None:
        caller, comes = frame.f_code.co_name, self._score.comes
        if (
            comes is not None and comes.kind == "clip" and caller == "clip_grad_norm_" and comes.thing == "norm" and comes.facts == args[1]
            and comes.begins is None and get_ident() == self._thread
        ):  # fmt: skip
            self._score.comes = comes.next
            try:
                comes.tell(argument(args, kwargs, 2, "total_norm", None))
            except Exception as error:
                self._score.failed(error)
            return
        if not self._heard():
            return
        if caller == "clip_grad_value_":
            gradients = frame.f_locals.get("grads") or ()
            self._listener.clip(gradients, float(frame.f_locals["clip_value"]), "value", None, frame)
        elif caller == "clip_grad_norm_":
            parameters = [args[0]] if isinstance(args[0], Tensor) else list(args[0])
            gradients = [p.grad for p in parameters if p.grad is not None]
            self._listener.clip(gradients, float(args[1]), "norm", argument(args, kwargs, 2, "total_norm", None), frame)


class Updates(Tapping):
    """From gradients to weights."""

    _stepping: list[bool]  # for each scaler.step that runs: whether its optimizer stepped

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
            self._put(scaler_class, name, call)

    def _steps(self, stack: contextlib.ExitStack) -> None:
        score = self._score

        def before(optimizer: Any, args: Any, kwargs: Any) -> None:
            comes = score.comes
            if (
                comes is not None and comes.key == id(optimizer) and args == (optimizer,) and not kwargs
                and comes.begins is None and get_ident() == self._thread
            ):  # fmt: skip
                score.comes = comes.next
                if comes.tell is not None:
                    try:
                        comes.tell()
                    except Exception as error:
                        score.failed(error)
            elif self._heard():
                given = [*args[1:], *kwargs.values()] if args and args[0] is optimizer else [*args, *kwargs.values()]
                self._listener.before_step(optimizer, any(callable(a) for a in given), sys._getframe(1))

        def after(optimizer: Any, args: Any, kwargs: Any) -> None:
            comes = score.comes
            if comes is not None and comes.key == ~id(optimizer) and get_ident() == self._thread:
                if self._stepping:
                    self._stepping[-1] = True
                score.comes = comes.next
                try:
                    comes.tell()
                except Exception as error:
                    score.failed(error)
            elif self._heard():
                if self._stepping:
                    self._stepping[-1] = True
                self._listener.after_step(optimizer, sys._getframe(1))

        stack.callback(register_optimizer_step_pre_hook(before).remove)
        stack.callback(register_optimizer_step_post_hook(after).remove)

    def _schedulers(self, stack: contextlib.ExitStack) -> None:
        def told(scheduler: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
            if frame.f_code.co_name != "_initial_step":  # a scheduler steps once while it is built
                self._listener.schedule(scheduler, argument(args, kwargs, 0, "metrics", None), frame)

        base = getattr(lr_scheduler, "LRScheduler", None) or lr_scheduler._LRScheduler
        for owner in with_own(base, "step"):
            self._outermost(owner, "step", told, scored=True, bare=True)
