"""What each module keeps for the backward pass."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from nbdebug.batch import tensors
from nbdebug.errors import NbdebugError, first_line
from nbdebug.instruments.profile.ranges import FORWARD, ROOT, named_ranges
from nbdebug.training_setup import TrainingSetup


def kept_bytes(setup: TrainingSetup, batch: Any, notes: list[str]) -> dict[str, int]:
    """Path → bytes that this module alone keeps; each memory once, and without weights, buffers and the batch itself.

    What the loss keeps outside of the model is not in it.
    """
    known = {_place(t) for t in (*setup.model.parameters(), *setup.model.buffers())} | {_place(t) for _, t in tensors(batch)}
    running: list[str] = []
    kept: dict[str, int] = defaultdict(int)
    alive: list[Tensor] = []  # so that no address is used twice

    def opened(name: str) -> Any:
        running.append(name.removeprefix(FORWARD).replace(ROOT, ""))
        return lambda: running.pop() if running else None

    def keep(tensor: Tensor) -> Tensor:
        if running and tensor.layout == torch.strided and not isinstance(tensor, nn.Parameter) and _place(tensor) not in known:
            known.add(_place(tensor))
            kept[running[-1]] += tensor.untyped_storage().nbytes()
            alive.append(tensor)
        return tensor

    try:
        with named_ranges(setup.model, backward=False, opener=opened), saved_tensors_hooks(keep, lambda tensor: tensor):
            setup.loss(batch)
    except (NbdebugError, RuntimeError) as error:
        notes.append(f"what modules keep is not known: {first_line(error)}")
        return {}
    return dict(kept)


def _place(tensor: Tensor) -> int:
    if tensor.layout != torch.strided or tensor.is_meta:
        return id(tensor)
    return tensor.untyped_storage().data_ptr()
