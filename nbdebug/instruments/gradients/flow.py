"""How strong the backward signal is where a weight meets its input, in the order of the forward pass.

Read off the autograd graph, so that it holds for modules, functional calls and every time step alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.tensor_stats import to_floats

MULTIPLIES = frozenset(  # graph nodes where a weight matrix meets an input
    "AddmmBackward0 MmBackward0 BmmBackward0 BaddbmmBackward0 LinearBackward0 MvBackward0 AddmvBackward0 "
    "ConvolutionBackward0 MkldnnConvolutionBackward0 SparseMmBackward0".split()
)
HOPS = 8  # from a parameter through transposes, casts and weight norms to where it is multiplied


@dataclass(frozen=True)
class Use:
    """One multiplication by a weight."""

    parameter: str
    order: int  # rises in forward order
    transposed: bool  # stored as (out, in), as torch's linear layers do
    signal: float  # norm of the loss's gradient at the product, unscaled


class Flow:
    """Watches one backward pass. Build it from the loss, run backward, then read `uses()`."""

    def __init__(self, loss: Tensor, model: nn.Module) -> None:
        names = {id(p): name for name, p in model.named_parameters() if p.requires_grad and p.ndim >= 2}
        self.reached: list[tuple[str, int, bool]] = []
        self.signals: list[Tensor | None] = []
        consumers = _consumers(loss)
        for node in list(consumers):
            name = names.get(id(getattr(node, "variable", None)))
            if name is not None:
                for product, transposed in _products(node, consumers):
                    self._listen(name, product, transposed)

    def uses(self, scale: float) -> list[Use]:
        """All uses in forward order, once backward has run."""
        heard = [(reached, s) for reached, s in zip(self.reached, self.signals, strict=True) if s is not None]
        if not heard:
            return []
        norms = to_floats(torch.stack([signal.reshape(()) for _, signal in heard]))
        uses = [Use(*reached, norm / scale) for (reached, _), norm in zip(heard, norms, strict=True)]
        return sorted(uses, key=lambda use: use.order)

    def _listen(self, name: str, product: Any, transposed: bool) -> None:
        position = len(self.signals)
        self.reached.append((name, product._sequence_nr(), transposed))
        self.signals.append(None)

        def hear(gradients: tuple[Tensor | None, ...]) -> None:
            gradient = next((g for g in gradients if g is not None), None)
            if gradient is not None:
                accumulate = torch.float64 if gradient.dtype == torch.float64 else torch.float32
                held = gradient.detach().abs().to(accumulate)
                self.signals[position] = torch.linalg.vector_norm(held)

        product.register_prehook(hear)  # dies with the graph


def _consumers(loss: Tensor) -> dict[Any, list[Any]]:
    """Every node behind the loss → the nodes that use what it made."""
    consumers: dict[Any, list[Any]] = {}
    ahead = [loss.grad_fn] if loss.grad_fn is not None else []
    consumers.update((node, []) for node in ahead)
    while ahead:
        node = ahead.pop()
        for before, _ in node.next_functions:
            if before is None:
                continue
            if before not in consumers:
                consumers[before] = []
                ahead.append(before)
            consumers[before].append(node)
    return consumers


def _products(leaf: Any, consumers: dict[Any, list[Any]]) -> Iterator[tuple[Any, bool]]:
    """The nearest multiplications above a parameter, and whether it was transposed on the way."""
    ahead, seen = [(node, False) for node in consumers[leaf]], set()
    for _ in range(HOPS):
        further = []
        for node, transposed in ahead:
            if node in seen:
                continue
            seen.add(node)
            if node.name() in MULTIPLIES:
                yield node, transposed or not node.name().startswith(("Mm", "Addmm"))
            else:
                turned = transposed or node.name() in ("TBackward0", "TransposeBackward0", "PermuteBackward0")
                further += [(above, turned) for above in consumers[node]]
        ahead = further
