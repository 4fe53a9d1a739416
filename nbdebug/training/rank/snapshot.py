"""The live weights, optimizer state and last batch of a rank in a file, so that the kernel can look at them while the training goes on.

The file holds tensors and plain containers alone; `read` runs nothing.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.errors import CheckpointError, LaunchError
from nbdebug.training.folder import RunFolder

FORMAT, VERSION = "nbdebug snapshot", 1


@dataclass
class Live:
    """What is being trained; `Context.wrap`, the loaders and the loop fill it in."""

    model: nn.Module | None = None
    optimizers: list[Optimizer] = field(default_factory=list)
    batch: Any = None  # the last one that was read

    def stepped(self, optimizer: Optimizer) -> None:
        """An optimizer that has made a step is one of this training."""
        if self.optimizers and optimizer is self.optimizers[0]:  # as at nearly every step
            return
        if not any(known is optimizer for known in self.optimizers):
            self.optimizers.append(optimizer)


def write(folder: RunFolder, live: Live, rank: int, step: int, token: str) -> Path:
    """Writes what is live now; the file is whole or not there.

    Raises:
        CheckpointError: it cannot be written, or an optimizer's state holds more than tensors and plain values.
        LaunchError: nothing is being trained yet.
    """
    from nbdebug.training import checkpoint

    if live.model is None:
        raise LaunchError("there is no model yet of which a snapshot could be taken: pass it through ctx.wrap(model)")
    left_out: list[str] = []
    content = {
        "format": FORMAT, "version": VERSION, "rank": rank, "step": step,
        "model": {name: tensor.detach().cpu() for name, tensor in unwrapped(live.model).state_dict().items() if isinstance(tensor, Tensor)},
        "training": live.model.training,
        "optimizers": [_on_cpu(optimizer.state_dict()) for optimizer in live.optimizers],
        "batch": plainly(live.batch, "batch", left_out), "left_out": left_out,
    }  # fmt: skip
    return checkpoint.write(path_of(folder, token), content)


def read(path: Path) -> dict[str, Any]:
    """The content of a snapshot: "model", "optimizers", "batch", "rank", "step", "training", "left_out".

    Raises:
        CheckpointError: it is damaged or foreign.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise CheckpointError(f"the snapshot {path} cannot be read: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != VERSION:
        raise CheckpointError(f"{path} is not a snapshot that this nbdebug reads")
    return content


def path_of(folder: RunFolder, token: str) -> Path:
    """Where the snapshot that was asked for under this token is written."""
    return folder.snapshots / f"{re.sub(r'[^A-Za-z0-9_-]', '-', token)[:80] or 'snapshot'}.pt"


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own model, without DDP and torch.compile around it."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.parallel.DistributedDataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner


def plainly(value: Any, path: str, left_out: list[str]) -> Any:
    """A batch as tensors and plain containers; what is neither is None, and its path is noted."""
    if isinstance(value, Tensor):
        return value.detach().as_subclass(Tensor).cpu()
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, np.generic) and value.dtype.kind in "biufcSU":
        return value.item()
    if isinstance(value, Mapping):
        return {key: plainly(item, f"{path}[{key!r}]", left_out) for key, item in value.items() if isinstance(key, (str, int))}
    if isinstance(value, (list, tuple)):
        items = [plainly(item, f"{path}[{n}]", left_out) for n, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    fields = _fields(value)
    if fields:
        return {name: plainly(item, f"{path}.{name}", left_out) for name, item in fields}
    left_out.append(f"{path} ({type(value).__name__})")
    return None


def _fields(value: Any) -> Iterable[tuple[str, Any]]:
    """Of a dataclass, or of any object of the user's that has tensors in its attributes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    held = getattr(value, "__dict__", {})
    return list(held.items()) if any(isinstance(item, Tensor) for item in held.values()) else []


def _on_cpu(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.detach().cpu()
    if isinstance(state, Mapping):
        return {key: _on_cpu(item) for key, item in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_on_cpu(item) for item in state) if type(state) in (list, tuple) else [_on_cpu(item) for item in state]
    return state
