"""What the arguments and results of one call tell: of a forward pass, and of the loss that a backward pass begins with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from nbdebug.batch import batch_size, tensors

LAST = 3  # operations one behind the other, and beside each other, by which a loss is known again; our choice


def autocast(device: str) -> str:
    """The dtype that autocast is on for, on this type of device; empty when it is off."""
    if not torch.is_autocast_enabled(device):
        return ""
    return str(torch.get_autocast_dtype(device)).removeprefix("torch.")


def wants_gradient(args: Any, kwargs: Any) -> bool:
    """Whether the gradient of an input itself is asked for."""
    return any(t.requires_grad and t.is_leaf for t in _tensors((*args, *kwargs.values())))


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list, dict)):
            yield from (t for _, t in tensors(value))


def with_graph(output: Any) -> list[Tensor]:
    """The tensors of an output that have a graph, a few of them: a hidden state may be held without what comes beside it."""
    if isinstance(output, Tensor):
        return [output] if output.grad_fn is not None else []
    return list(islice((t for _, t in tensors(output) if t.grad_fn is not None), 8))


def is_divided(loss: Tensor, *, scaled: bool) -> bool:
    """Whether the last thing done to the loss, a scaler's factor apart, was to divide or multiply it."""
    node = loss.grad_fn
    if scaled and node is not None and node.next_functions:
        node = node.next_functions[0][0]
    return _ends_in_a_factor(node, 6)


def _ends_in_a_factor(node: Any, depth: int) -> bool:
    """Of a sum every term has to: a penalty with a weight of its own divides nothing."""
    if node is None or not depth:
        return False
    name = node.name()
    if name.startswith(("DivBackward", "MulBackward")):
        return True
    terms = [following for following, _ in node.next_functions if following is not None]
    if name.startswith(("Add", "Sub", "View", "Squeeze", "Unsqueeze", "ToCopy", "Select", "Stack", "Reshape")):
        return bool(terms) and all([_ends_in_a_factor(term, depth - 1) for term in terms])
    return False


def made_by(loss: Tensor) -> str:
    """The last operations of a loss by name: those of one loss on the parts of a batch are the same, those of two losses mostly differ."""
    names, row = [], [loss.grad_fn]
    for _ in range(LAST):
        names.append("+".join([node.name() for node in row if node is not None]))
        row = [following for node in row if node is not None for following, _ in node.next_functions[:LAST]][:LAST]
    return " ".join(names)


def rows_of(batch: Any) -> int | None:
    """Samples in a batch; of most loaders that is a list or a dict of a few tensors."""
    parts = batch if type(batch) in (list, tuple) else batch.values() if type(batch) is dict else None
    if not parts:
        return batch_size(batch)
    rows, sizes = None, 0
    for part in parts:
        if type(part) is not Tensor:
            return batch_size(batch)
        shape = part.shape
        if shape and shape[0] != rows:
            rows, sizes = shape[0], sizes + 1
    return rows if sizes == 1 else None
