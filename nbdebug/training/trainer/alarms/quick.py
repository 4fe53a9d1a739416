"""What is asked at every step, in as few microseconds as it takes: a small network's whole step has 1,400 of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.nonfinite.finite import norm
from nbdebug.nonfinite.loop.risk import LARGEST_GRADIENT, LARGEST_RATE, may_fail

FEW = 64  # tensors whose norms are fetched one by one
grad_of = attrgetter("grad")
TOLD = ("weight_decay", "momentum", "eps", "betas")  # of a group of parameters, what makes its update risky beside its rate


class Length:
    """The norm of all gradients together; as `nonfinite.finite.norm`, in a fraction of the time where all are plain numbers in memory.

    DDP has gradients side by side in a few blocks, of which a norm is taken at once: 10 µs instead of 30 for the six of a small network.

    Args:
        owned: whose gradients they are.
        whole: what was passed; DDP, where there are several ranks.
    """

    def __init__(self, owned: Sequence[Tensor], whole: nn.Module) -> None:
        self._owned, self._in_blocks = owned, getattr(whole, "gradient_as_bucket_view", False)
        self._plain = all(p.dtype is torch.float32 and p.layout is torch.strided and p.device.type == "cpu" for p in owned)
        self._known: list[Tensor] = []  # whose gradients fill the blocks
        self._others: list[Tensor] = []  # had none
        self._places: list[int] = []  # of these gradients
        self._blocks: list[Tensor] = []

    def __call__(self) -> float:
        try:
            unmoved = self._blocks and self._places == list(map(Tensor.data_ptr, map(grad_of, self._known)))
            if unmoved and (not self._others or all(p.grad is None for p in self._others)):
                return _together(self._blocks)
        except (TypeError, RuntimeError):  # one has none this time, or one without memory of its own
            self._blocks = []
        return self._anew()

    def _anew(self) -> float:
        """Where the gradients lie is to be found out again."""
        known = [p for p in self._owned if p.grad is not None]
        gradients = [p.grad for p in known if p.grad is not None]
        if not self._plain or not gradients:
            return norm(gradients)
        try:
            if self._in_blocks:
                self._known, self._others = known, [p for p in self._owned if p.grad is None]
                self._places, self._blocks = list(map(Tensor.data_ptr, gradients)), _blocks(gradients)
            if len(parts := self._blocks or gradients) <= FEW:
                return _together(parts)
        except RuntimeError:  # a sparse one, of an embedding
            self._plain = False
        return norm(gradients)


def _together(parts: list[Tensor]) -> float:
    norms = torch._foreach_norm(parts)
    return norms[0].item() if len(norms) == 1 else math.hypot(*[one.item() for one in norms])


def _blocks(gradients: list[Tensor]) -> list[Tensor]:
    """(numbers,) of each block of memory that these gradients fill; nothing where some have memory of their own alone, or a block has more in it."""
    storages = {g.untyped_storage().data_ptr(): g.untyped_storage() for g in gradients}
    if len(storages) == len(gradients) or sum(s.nbytes() for s in storages.values()) != sum(g.nbytes for g in gradients):
        return []
    return [torch.empty(0).set_(storage, 0, (storage.nbytes() // 4,)) for storage in storages.values()]


class Risks:
    """Whether an update may fail: asked anew only when the optimizers were told something else."""

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._optimizers = optimizers
        self._told: list[Any] = []
        self._risky = self._in_place = False

    def may_fail(self, length: float | None) -> bool:
        """See `nonfinite.loop.risk.may_fail`."""
        if length is not None and not length < LARGEST_GRADIENT:
            return True
        told = [
            (len(group["params"]), _unusual(group.get("lr")), *map(group.get, TOLD)) for optimizer in self._optimizers for group in optimizer.param_groups
        ]
        if told != self._told or self._in_place:
            self._told = told
            self._in_place = any(isinstance(number, Tensor) for group in told for number in group)  # nobody sees when it is written to
            self._risky = any(may_fail(optimizer, None) for optimizer in self._optimizers)
        return self._risky


def _unusual(rate: Any) -> Any:
    """None of a rate that is no risk: a schedule moves it at every step."""
    return None if type(rate) is float and -LARGEST_RATE <= rate <= LARGEST_RATE else rate
