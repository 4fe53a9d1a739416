"""What a training step keeps in memory: measured where it can be, known from the optimizer's kind where it cannot."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.optim import Optimizer

from nbdebug.batch import tensors
from nbdebug.errors import NbdebugError
from nbdebug.instruments.summary.result import Memory
from nbdebug.training_setup import TrainingSetup

TWO_MOMENTS = ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "SparseAdam", "Adadelta")


def memory(setup: TrainingSetup, batch: Any, notes: list[str]) -> Memory:
    """Bytes of a training step on this batch."""
    parameters = list(setup.model.parameters())
    return Memory(
        parameters=sum(map(_bytes, parameters)),
        buffers=sum(map(_bytes, setup.model.buffers())),
        gradients=sum(_bytes(p) for p in parameters if p.requires_grad),
        optimizer=_optimizer_bytes(setup, notes),
        activations=_saved_bytes(setup, batch, notes),
    )


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _optimizer_bytes(setup: TrainingSetup, notes: list[str]) -> int | None:
    total = 0
    for optimizer in setup.optimizers:
        own = _held(optimizer) or _expected(optimizer)
        if own is None:
            notes.append(f"memory of {type(optimizer).__name__} is not known before its first step")
            return None
        total += own
    return total


def _held(optimizer: Optimizer) -> int:
    """What an optimizer that has made a step holds."""
    return sum(_bytes(tensor) for state in optimizer.state.values() for _, tensor in tensors(dict(state)))


def _expected(optimizer: Optimizer) -> int | None:
    """What it will hold after its first step, for torch's own kinds."""
    total = 0
    for group in optimizer.param_groups:
        copies = _copies(type(optimizer).__name__, group)
        if copies is None:
            return None
        total += copies * sum(_bytes(p) for p in group["params"] if p.requires_grad)
    return total


def _copies(kind: str, group: dict[str, Any]) -> int | None:
    """State tensors per parameter."""
    if kind in TWO_MOMENTS:
        return 2 + bool(group.get("amsgrad"))
    if kind in ("SGD", "RMSprop"):
        return bool(group.get("momentum")) + (kind == "RMSprop") + bool(group.get("centered"))
    return 1 if kind == "Adagrad" else None


def _saved_bytes(setup: TrainingSetup, batch: Any, notes: list[str]) -> int | None:
    """What the graph of one forward pass keeps alive beside weights, buffers and the batch; each storage once."""
    known = {_storage(t) for t in (*setup.model.parameters(), *setup.model.buffers())}
    known |= {_storage(t) for _, t in tensors(batch)}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no address is used twice

    def keep(tensor: Tensor) -> Tensor:
        if tensor.layout == torch.strided and _storage(tensor) not in known:
            kept[_storage(tensor)] = tensor.untyped_storage().nbytes()
            alive.append(tensor)
        return tensor

    try:
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            setup.loss(batch)
    except (NbdebugError, RuntimeError) as error:
        notes.append(f"activations: {str(error).splitlines()[0]}")
        return None
    return sum(kept.values())


def _storage(tensor: Tensor) -> int:
    if tensor.layout != torch.strided or tensor.is_meta:
        return id(tensor)
    return tensor.untyped_storage().data_ptr()
