"""Parameters whose layers run, and whose result goes nowhere: not into the loss, the outputs, a buffer or an attribute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import tensors
from nbdebug.listening import IN_PLACE, LEAVES_TORCH, Call, Tape


def discarded(model: nn.Module, tape: Tape, silent: Iterable[Tensor]) -> set[int]:
    """ids of those of these parameters of which nothing comes.

    Args:
        silent: parameters that were used, and got no gradient.
    """
    root = tape.root
    if root is None or not root.returned or any(module._forward_hooks for module in model.modules()):
        return set()
    kept = {id(tensor) for tensor in (*model.buffers(), *(t for _, t in tensors((root.output,))))}
    shapes = {tensor.shape for tensor in _held(model)}  # an attribute may have been written again since
    return {id(parameter) for parameter in silent if not any(_is_kept(call, kept, shapes) for call in _descendants(tape, parameter))}


def _descendants(tape: Tape, parameter: Tensor) -> Iterator[Call]:
    after: set[int] = set()
    for call in tape.calls:
        if after.intersection(call.parents) or any(tensor is parameter for tensor in call.inputs()):
            after.add(call.index)
            yield call


def _is_kept(call: Call, kept: set[int], shapes: set[torch.Size]) -> bool:
    """Whether what it gives is seen again: outside of the model, or by Python."""
    writes = call.name in IN_PLACE or call.name.endswith("_")
    if not call.in_model or call.name in LEAVES_TORCH or any(id(t) in kept or t.shape in shapes for t in call.outputs()):
        return True
    return writes and any(id(t) in kept for t in call.inputs()[:1])


def _held(model: nn.Module) -> Iterator[Tensor]:
    """Tensors that attributes of its modules hold, in lists and dicts as well."""
    for module in model.modules():
        for name, value in vars(module).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                yield from _tensors(value)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, (Tensor, list, tuple, dict)) and not isinstance(value, nn.Parameter):
        yield from (tensor for _, tensor in tensors(value) if not isinstance(tensor, nn.Parameter))
