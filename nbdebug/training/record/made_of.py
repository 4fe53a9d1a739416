"""What is trained, by what and on what, in words and numbers that can be compared: of a setup, before its first step."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from nbdebug.training_setup import TrainingSetup

LONGEST = 20_000  # characters of a model's description
LOOKED_AT = 4096  # elements of a tensor that its digest is made of, evenly spread
OF_A_GROUP = 32  # groups of an optimizer that are told


def model_facts(model: nn.Module) -> dict[str, Any]:
    """Its structure, its size, and a digest of the weights that it begins with."""
    parameters = list(model.parameters())
    text = repr(model)
    return {
        "kind": type(model).__qualname__, "structure": text[:LONGEST], "cut": len(text) > LONGEST,
        "parameters": sum(map(_count, parameters)), "trainable": sum(_count(p) for p in parameters if p.requires_grad),
        "frozen": [name for name, p in model.named_parameters() if not p.requires_grad][:200],
        "dtypes": sorted({str(p.dtype).removeprefix("torch.") for p in parameters}), "weights": _digest(model), "training": model.training,
    }  # fmt: skip


def setup_facts(setup: TrainingSetup) -> dict[str, Any]:
    """Settings of the user's own objects, flat: `optimizer.lr`, `train_loader.batch_size`."""
    found: dict[str, Any] = {"precision": setup.precision, "device": str(setup.device)}
    for name in ("loss_fn", "batch_loss"):
        if (thing := getattr(setup, name)) is not None:
            found[name] = _described(thing)
    for number, optimizer in enumerate(setup.optimizers):
        found |= _prefixed("optimizer" if len(setup.optimizers) == 1 else f"optimizer{number}", _optimizer_facts(optimizer))
    for number, scheduler in enumerate(setup.schedulers):
        found |= _prefixed("scheduler" if len(setup.schedulers) == 1 else f"scheduler{number}", _scheduler_facts(scheduler))
    for name in ("train_loader", "val_loader"):
        if (loader := getattr(setup, name)) is not None:
            found |= _prefixed(name, _loader_facts(loader))
    return found


def _count(parameter: Tensor) -> int:
    return 0 if isinstance(parameter, nn.parameter.UninitializedParameter) else parameter.numel()


def _digest(model: nn.Module) -> str:
    """Of weights and buffers, a few thousand elements each."""
    hashed = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        if not isinstance(tensor, Tensor) or isinstance(tensor, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer)) or tensor.is_meta:
            continue
        flat = tensor.detach().reshape(-1) if tensor.layout == torch.strided else tensor.detach().to_dense().reshape(-1)
        few = flat[:: max(1, flat.numel() // LOOKED_AT)].cpu().contiguous()
        hashed.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        hashed.update(memoryview(few.view(torch.uint8).numpy()))
    return hashed.hexdigest()[:16]


def _described(thing: Any) -> str:
    if isinstance(thing, nn.Module):
        return repr(thing)[:LONGEST]
    name = getattr(thing, "__qualname__", "")
    return name if inspect.isroutine(thing) and name else type(thing).__qualname__


def _optimizer_facts(optimizer: Any) -> dict[str, Any]:
    """Its kind, and the settings of its groups; what all groups have is said once."""
    groups = [{name: _plain(value) for name, value in group.items() if name != "params"} for group in optimizer.param_groups[:OF_A_GROUP]]
    common = {name: value for name, value in groups[0].items() if all(group.get(name) == value for group in groups)} if groups else {}
    found = {"": type(optimizer).__qualname__, **common}
    for number, group in enumerate(groups if len(groups) > 1 else ()):
        found |= {f"group{number}.{name}": value for name, value in group.items() if name not in common}
    return found


def _scheduler_facts(scheduler: Any) -> dict[str, Any]:
    state = {name: _plain(value) for name, value in vars(scheduler).items() if not name.startswith("_") and _is_plain(value)}
    return {"": type(scheduler).__qualname__, **state}


def _loader_facts(loader: Any) -> dict[str, Any]:
    if not isinstance(loader, DataLoader):
        return {"": type(loader).__qualname__}
    collate = _described(loader.collate_fn) if loader.collate_fn is not None else None
    found = {"": type(loader).__qualname__, "dataset": type(loader.dataset).__qualname__, "batch_size": loader.batch_size, "drop_last": loader.drop_last}
    return found | {"sampler": type(loader.sampler).__qualname__, "collate_fn": collate, "num_workers": loader.num_workers}


def _prefixed(prefix: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}" if name else prefix: value for name, value in facts.items()}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= OF_A_GROUP and all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float, bool))


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor) and value.numel() == 1:
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else type(value).__qualname__


