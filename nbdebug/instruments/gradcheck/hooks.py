"""Gradient hooks: which of them change the gradient that passes, and how."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from nbdebug.batch import tensors
from nbdebug.instruments.gradcheck.functions import defined_at
from nbdebug.source_lines import SourceLine

SMALLER = 1e-3  # a clip lets a gradient through when it is this much smaller; a factor stays the same factor
SAME = 1e-6  # relative


@dataclass(eq=False)
class HookCall:
    """A hook that changed a gradient."""

    name: str  # of the hook's function
    place: str  # the parameter or module it is registered on; "" for a tensor inside the forward
    line: SourceLine | None
    factor: float | None  # by which it multiplies the whole gradient; None when it is something else
    deliberate: bool  # a mask, a clip, a reversal: it changes gradients on purpose


class Hooked:
    """Listens to every gradient hook of a model, for the time of a `with` block; `changed` are those that do something.

    Args:
        silent: whether the hooks are left out, so that gradients pass as they are.
    """

    def __init__(self, parameters: dict[str, Tensor], modules: dict[str, nn.Module], *, silent: bool = False) -> None:
        self.parameters, self.modules, self.silent = parameters, modules, silent
        self.changed: list[HookCall] = []

    def __enter__(self) -> Hooked:
        with contextlib.ExitStack() as stack:
            for name, parameter in self.parameters.items():
                self._wrap(stack, parameter._backward_hooks, name)
            for name, module in self.modules.items():
                self._wrap(stack, module._backward_hooks, name)
                self._wrap(stack, module._backward_pre_hooks, name)
            self._undo = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._undo.close()

    def inside(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """What is registered instead of a hook that the forward puts on a tensor."""
        return self._listening(hook, "")

    def _wrap(self, stack: contextlib.ExitStack, registry: dict[Any, Any] | None, place: str) -> None:
        for key, hook in list((registry or {}).items()):
            stack.callback(registry.__setitem__, key, hook)
            registry[key] = self._listening(hook, place)

    def _listening(self, hook: Callable[..., Any], place: str) -> Callable[..., Any]:
        @functools.wraps(hook, updated=())
        def listening(*given: Any) -> Any:
            if self.silent:
                return None
            before = [t.detach().clone() for _, t in tensors(given) if t is not None]
            answer = hook(*given)
            self._compare(hook, place, given, before, answer)
            return answer

        return listening

    def _compare(self, hook: Callable[..., Any], place: str, given: tuple[Any, ...], before: list[Tensor], answer: Any) -> None:
        """`given` is (gradient,), or (module, gradients of its inputs, of its outputs)."""
        subject = given[0] if len(given) == 1 else given[1]
        old = [t for _, t in tensors(subject)]
        was = before[: len(old)]  # the copies stand in the order of `given`
        new = [t for _, t in tensors(answer)] if answer is not None else old
        pairs = [(a, b.detach()) for a, b in zip(was, new, strict=False) if a.shape == b.shape]
        if all(_same(a, b) for a, b in pairs) or any(h.name == _name(hook) and h.place == place for h in self.changed):
            return
        a, b = next((a, b) for a, b in pairs if not _same(a, b))
        factor = _factor(a, b)
        self.changed.append(HookCall(_name(hook), place, defined_at(hook), factor, _is_deliberate(hook, given, a, b, factor)))


def _is_deliberate(hook: Callable[..., Any], given: tuple[Any, ...], before: Tensor, after: Tensor, factor: float | None) -> bool:
    """A reversal, a mask (each element the same or zero), or a clip: a much smaller gradient passes as it is."""
    if factor is not None and (factor < 0 or factor == 0):
        return True
    if bool(((after == before) | (after == 0)).all()):
        return True
    if len(given) != 1:
        return factor is None
    small = hook((before * SMALLER).requires_grad_(False))
    clips = isinstance(small, Tensor) and _same(before * SMALLER, small)
    return clips or factor is None


def _factor(before: Tensor, after: Tensor) -> float | None:
    """The one number by which `before` was multiplied, or None."""
    size = float(before.abs().square().sum())
    if size == 0:
        return None
    factor = float((before.conj() * after).real.sum()) / size
    return factor if _same(before * factor, after) else None


def _same(one: Tensor, other: Tensor) -> bool:
    return float((one - other).abs().max()) <= SAME * float(one.abs().max()) if one.numel() else True


def _name(hook: Callable[..., Any]) -> str:
    return getattr(hook, "__qualname__", type(hook).__name__).rpartition("<locals>.")[2]


def silenced(parameters: dict[str, Tensor]) -> None:
    """Takes off what runs after a gradient has been written, such as an optimizer's step; the frame puts it back."""
    for parameter in parameters.values():
        if getattr(parameter, "_post_accumulate_grad_hooks", None):
            parameter._post_accumulate_grad_hooks.clear()
