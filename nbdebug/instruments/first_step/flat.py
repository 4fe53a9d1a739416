"""Operations with a graph and without a slope: a gradient arrives behind them, and none before."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nbdebug.listening import Call, Tape

STEPS = frozenset("round floor ceil trunc fix sign sgn heaviside floor_divide __floordiv__ __rfloordiv__".split())
BOUNDS = frozenset("clamp clip clamp_min clamp_max hardtanh".split())  # where every value lies outside

MOST = 16  # calls that are asked about; each costs two backward passes


def flats(tape: Tape, loss: Tensor) -> list[Call]:
    """The calls on the way to the loss whose output moves it, and whose input gets a gradient of nothing but zeros."""
    ways = tape.ancestors(loss)
    candidates = [call for call in tape.calls if call.index in ways and _may_be_flat(call)]
    return [call for call in candidates[:MOST] if _blocks(loss, call)]


def _may_be_flat(call: Call) -> bool:
    return call.name in STEPS | BOUNDS or (call.name in ("div", "divide") and call.kwargs.get("rounding_mode") is not None)


def _blocks(loss: Tensor, call: Call) -> bool:
    """Judged by what goes in, wherever else it goes: a straight-through estimator leads the gradient around."""
    given = next((tensor for tensor in call.given if tensor.requires_grad), None)
    if given is None or not isinstance(call.output, Tensor):
        return False
    after, before = _gradient(loss, call.output), _gradient(loss, given)
    return after is not None and bool(after.any()) and before is not None and not bool(before.any())


def _gradient(loss: Tensor, of: Any) -> Tensor | None:
    try:
        return torch.autograd.grad(loss, of, retain_graph=True, allow_unused=True)[0]
    except Exception:  # a backward of the user's own may raise anything; the real backward pass will tell
        return None
