"""The loss function that a backward pass begins at, where its call went past the taps.

A name that was bound before the watch opened, as `from torch.nn.functional import mse_loss` does, calls torch directly. What
was made with it says in its graph which function that was, and keeps what it was given.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

MEAN = 1  # as aten counts reductions
NODES = {  # of the graph → name in torch.nn.functional
    "MseLossBackward0": "mse_loss",
    "SmoothL1LossBackward0": "smooth_l1_loss",
    "HuberLossBackward0": "huber_loss",
    "BinaryCrossEntropyBackward0": "binary_cross_entropy",
    "BinaryCrossEntropyWithLogitsBackward0": "binary_cross_entropy_with_logits",
    "NllLossBackward0": "nll_loss",
    "NllLoss2DBackward0": "nll_loss",
}
SETTINGS = ("weight", "pos_weight", "ignore_index", "beta", "delta")


class Unheard(NamedTuple):
    """A call of a loss function, as a tap would have told it."""

    function: str
    args: tuple[Tensor, Tensor]  # predictions and targets
    kwargs: dict[str, Any]


def unheard_loss(root: Tensor) -> Unheard | None:
    """The call that made this scalar; None where it was made by something else, or what it was given is gone."""
    node = root.grad_fn
    function = NODES.get(node.name()) if node is not None else None
    if node is None or function is None or getattr(node, "_saved_reduction", None) != MEAN:
        return None
    try:
        given, target = node._saved_self, node._saved_target  # type: ignore[attr-defined]
        kept = {name: getattr(node, f"_saved_{name}", None) for name in SETTINGS}
    except RuntimeError:  # freed, or written over since: the backward pass itself will say so
        return None
    kwargs = {name: _signed(value) if isinstance(value, int) else value for name, value in kept.items() if value is not None}
    if function == "nll_loss" and any(before is not None and before.name() == "LogSoftmaxBackward0" for before, _ in node.next_functions):
        function = "cross_entropy"
    return Unheard(function, (given, target), kwargs)


def _signed(value: int) -> int:
    """The graph shows an index below zero, as -100 is, as one of 64 bits without a sign."""
    return value - 2**64 if value >= 2**63 else value
