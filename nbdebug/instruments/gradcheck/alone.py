"""A Function run on its own, at the inputs of a recorded call: its vector-Jacobian product, measured and answered."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nbdebug.instruments.gradcheck.functions import Call
from nbdebug.instruments.gradcheck.held import Held
from nbdebug.instruments.gradcheck.taylor import Along, along, directions, inner

AWAY = 1e-2  # how far a place is moved to leave a kink, relative to its values; our choice

Gradients = tuple[Any, ...]


class Alone:
    """A recorded call that can be repeated with other inputs.

    Args:
        call: the call.
        wide: whether casts to single precision inside it become casts to double.
    """

    def __init__(self, call: Call, wide: bool) -> None:
        self.call, self.wide = call, wide
        self.outputs = self.run(call.args)
        self.cotangents = self._cotangents()  # the gradients that arrive at its outputs
        narrow = any(is_floating(a) and a.dtype not in (torch.float64, torch.complex128) for a in (*call.args, *self.outputs))
        self.epsilon = torch.finfo(torch.float32 if narrow else torch.float64).eps

    def run(self, args: tuple[Any, ...]) -> list[Any]:
        """The Function's outputs; random numbers are those of the recorded call."""
        torch.set_rng_state(self.call.random_state)
        with torch.no_grad(), Held(None, wide=self.wide):
            outputs = self.call.cls.apply(*map(_clone, args))
        return list(outputs) if isinstance(outputs, tuple) else [outputs]

    def answers(self, args: tuple[Any, ...], cotangents: Gradients | None = None) -> Gradients:
        """What its backward answers when it is run on its own."""
        torch.set_rng_state(self.call.random_state)
        leaves = [_clone(a).requires_grad_() if w and is_floating(a) else _clone(a) for a, w in self._with_wanted(args)]
        with torch.enable_grad(), Held(None, wide=self.wide):
            given = [x.clone() if isinstance(x, Tensor) and x.requires_grad else x for x in leaves]  # it may write to them
            outputs = self.call.cls.apply(*given)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            paired = zip(outputs, cotangents or self.cotangents, strict=True)
            pairs = [(o, g) for o, g in paired if isinstance(o, Tensor) and o.requires_grad and g is not None]
            wanted = [x for x in leaves if isinstance(x, Tensor) and x.requires_grad]
            found = torch.autograd.grad([o for o, _ in pairs], wanted, [g for _, g in pairs], allow_unused=True)
        answers = iter(found)
        return tuple(next(answers) if isinstance(x, Tensor) and x.requires_grad else None for x in leaves)

    def worst(self, args: tuple[Any, ...], answers: Gradients, position: int, cotangents: Gradients | None = None) -> Along:
        """The direction along which what was measured and what was answered differ most."""
        value, answer = args[position], answers[position]
        size = size_of(value)
        at_zero = self.product(args, cotangents)
        norm = float(answer.abs().square().sum().sqrt()) if answer is not None else 0.0
        found = []
        for kind, direction in directions(answer, value, size, seed=7):
            analytic = inner(answer, direction)
            scale = norm * size if kind == "random" else abs(analytic)
            moved = self.along_direction(args, position, direction, cotangents)
            found.append(along(moved, at_zero, analytic, scale, epsilon=self.epsilon))
        return max(found, key=lambda a: (a.is_wrong, a.error))

    def product(self, args: tuple[Any, ...], cotangents: Gradients | None = None) -> float:
        """The sum over outputs of output times the gradient that arrives there."""
        pairs = zip(self.run(args), cotangents or self.cotangents, strict=True)
        return math.fsum(float((g.conj() * o).real.sum() if o.is_complex() else (g * o).sum()) for o, g in pairs if g is not None)

    def along_direction(
        self, args: tuple[Any, ...], position: int, direction: Tensor, cotangents: Gradients | None = None
    ) -> Callable[[float], float]:
        """The product at a step along a direction of one input."""

        def product(h: float) -> float:
            moved = args[position] + h * direction
            return self.product((*args[:position], moved, *args[position + 1 :]), cotangents)

        return product

    def moved(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """A place nearby."""
        generator = torch.Generator().manual_seed(11)
        return tuple(
            a + AWAY * size_of(a) * torch.randn(a.shape, generator=generator, dtype=a.dtype).to(a.device) if w and is_floating(a) else a
            for a, w in self._with_wanted(args)
        )

    def arriving_at_random(self) -> Gradients:
        """Other gradients at the outputs."""
        return tuple(torch.randn_like(o) if is_floating(o) else None for o in self.outputs)

    def _cotangents(self) -> Gradients:
        arrived = self.call.grad_outputs or ()
        return tuple(
            g if isinstance(g, Tensor) else torch.zeros_like(o) if is_floating(o) else None
            for o, g in itertools.zip_longest(self.outputs, arrived[: len(self.outputs)])
        )

    def _with_wanted(self, args: tuple[Any, ...]) -> list[tuple[Any, bool]]:
        return [(a, i < len(self.call.wanted) and self.call.wanted[i]) for i, a in enumerate(args)]


def fitted(call: Call) -> Gradients:
    """The answers, summed over what was broadcast, as autograd does with them."""
    found = []
    for a, g in itertools.zip_longest(call.args, call.grad_inputs[: len(call.args)]):
        answered = isinstance(g, Tensor) and isinstance(a, Tensor) and g.layout == torch.strided
        found.append(g.to(a.dtype).sum_to_size(a.shape) if answered else None)
    return tuple(found)


def size_of(value: Tensor) -> float:
    """Root mean square, 1 for zeros."""
    size = float(value.abs().square().mean().sqrt()) if value.numel() else 0.0
    return size if math.isfinite(size) and size > 0 else 1.0


def is_floating(value: Any) -> bool:
    """Whether this is a tensor that can have a gradient."""
    return isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex()) and value.numel() > 0


def _clone(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
