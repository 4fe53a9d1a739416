"""How much memory the ranks will take, estimated from one batch in one process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.optim import LBFGS, Optimizer

from nbdebug.instruments.preflight.result import Memory
from nbdebug.training_setup import TrainingSetup

STATES = {"Adam": 2, "AdamW": 2, "NAdam": 2, "RAdam": 2, "Adamax": 2, "Adadelta": 2, "RMSprop": 1, "Adagrad": 1, "Rprop": 2}  # tensors for each parameter


@dataclass
class Kept:
    """Bytes that autograd keeps, each storage once."""

    bytes: int = 0
    _seen: set[int] = field(default_factory=set)

    def add(self, tensor: Tensor) -> Tensor:
        with contextlib.suppress(RuntimeError, NotImplementedError):  # of sparse ones, which have no storage
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self._seen:
                self._seen.add(storage.data_ptr())
                self.bytes += storage.nbytes()
        return tensor


@contextlib.contextmanager
def kept_for_backward() -> Iterator[Kept]:
    """Counts what the forward passes in the block keep. Weights are among it, which is an estimate on the safe side."""
    kept = Kept()
    with torch.autograd.graph.saved_tensors_hooks(kept.add, lambda tensor: tensor):
        yield kept


def estimated(setup: TrainingSetup, processes: int) -> Memory:
    """Before any batch was passed."""
    known = [t for t in (*setup.model.parameters(), *setup.model.buffers()) if not is_lazy(t)]
    trained = sum(_bytes(p) for p in setup.model.parameters() if p.requires_grad and not is_lazy(p))
    copies = 2 if processes > 1 else 1  # DistributedDataParallel's buckets
    on_cpu = setup.device.type == "cpu"  # type: ignore[union-attr]
    states = sum(_states(optimizer) for optimizer in setup.optimizers)
    return Memory(sum(map(_bytes, known)), copies * trained, states, None, _free(setup), processes if on_cpu else 1)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _states(optimizer: Optimizer) -> int:
    total = 0
    for group in optimizer.param_groups:
        each = STATES.get(type(optimizer).__name__, 0) + bool(group.get("momentum")) + bool(group.get("amsgrad"))
        each = each + 2 * group.get("history_size", 100) if isinstance(optimizer, LBFGS) else each
        total += each * sum(_bytes(p) for p in group["params"] if p.requires_grad and not is_lazy(p))
    return total


def _free(setup: TrainingSetup) -> int | None:
    if setup.device.type == "cuda":  # type: ignore[union-attr]
        return int(torch.cuda.mem_get_info(setup.device)[0])
    if setup.device.type != "cpu":  # type: ignore[union-attr]
        return None
    import psutil

    return int(psutil.virtual_memory().available)
