"""Taps of what goes forward: a module that is called, its mode, a loss function."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from nbdebug.taps.making import Tapping, argument, get_ident, has_grad, is_compiling, is_transforming

LOSSES = tuple(  # of torch.nn.functional; the loss modules call them too
    "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits "
    "kl_div ctc_loss cosine_embedding_loss margin_ranking_loss triplet_margin_loss hinge_embedding_loss multi_margin_loss "
    "multilabel_margin_loss multilabel_soft_margin_loss soft_margin_loss poisson_nll_loss gaussian_nll_loss".split()
)


class Forward(Tapping):
    """Needs the taps' `_models` and `_bare`."""

    _models: dict[int, nn.Module]  # id of a called module → itself, of those with parameters
    _bare: dict[int, nn.Module]  # the same, of those without: a loss, a metric, an activation called by the loop itself

    def _modules(self, stack: contextlib.ExitStack) -> None:
        original, models, bare, score = nn.Module.__call__, self._models, self._bare, self._score
        straight = original is getattr(nn.Module, "_wrapped_call_impl", None)  # nobody else has tapped it

        def __call__(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if self._busy and straight and module._compiled_call_impl is None:  # every layer inside, with no more than torch's own call does
                return module._call_impl(*args, **kwargs)
            run = module._call_impl if straight and module._compiled_call_impl is None else functools.partial(original, module)
            if self._busy or is_compiling():
                return run(*args, **kwargs)
            comes = score.comes
            if (
                comes is not None and comes.key == id(module) and comes.facts == (module.training, has_grad())
                and get_ident() == self._thread and not is_transforming() and (comes.begins is None or begins(comes, sys._getframe(1)))
            ):  # fmt: skip
                score.comes = comes.next
                closes = self._opens(comes) if comes.opens is not None else None
                self._busy = True
                try:
                    output = run(*args, **kwargs)
                finally:
                    self._busy = False
                    if closes is not None:
                        closes()
                if comes.rests:
                    comes.rests -= 1
                elif comes.tell is not None:
                    try:
                        comes.tell(output)
                    except Exception as error:
                        score.failed(error)
                return output
            if bare.get(id(module)) is module or not self._heard():
                return run(*args, **kwargs)
            if models.get(id(module)) is not module:
                parameters = list(module.parameters())
                if any(is_lazy(p) or p.is_meta for p in parameters):  # without numbers, perhaps until this pass made them
                    return unheard(run, *args, **kwargs)
                (models if parameters else bare)[id(module)] = module
                if not parameters:
                    return run(*args, **kwargs)
            self._busy = True
            try:
                self._listener.enter(module, args, kwargs, sys._getframe(1))
                output = None
                try:
                    output = run(*args, **kwargs)
                finally:
                    self._listener.leave(output)
                return output
            finally:
                self._busy = False

        begins = self._begins

        def unheard(run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            self._busy = True
            try:
                return run(*args, **kwargs)
            finally:
                self._busy = False

        self._put(nn.Module, "__call__", __call__)

    def _modes(self, stack: contextlib.ExitStack) -> None:
        self._outermost(nn.Module, "train", lambda m, a, k, f: self._listener.mode(m, bool(argument(a, k, 0, "mode", True)), f))

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
                    comes is not None and comes.key == _name and comes is score.comes and comes.begins is None
                    and isinstance(value, Tensor) and value.requires_grad is comes.facts and get_ident() == self._thread
                ):  # fmt: skip
                    score.comes = comes.next
                    if comes.rests:
                        comes.rests -= 1
                    elif comes.tell is not None:
                        try:
                            comes.tell(value, args, kwargs)
                        except Exception as error:
                            score.failed(error)
                elif self._heard():
                    self._listener.loss(_name, value, args, kwargs, sys._getframe(1))
                return value

            self._put(nn.functional, name, functools.wraps(original)(call))
