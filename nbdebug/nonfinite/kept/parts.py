"""What is trained and what trains it, under the names that stay the same however the model is wrapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.listening import plain_path
from nbdebug.training_setup import TrainingSetup


@dataclass(frozen=True)
class Parts:
    """One model or several, with optimizers, scalers, schedulers and the loss."""

    models: Mapping[str, nn.Module]  # by the name that the user calls it
    optimizers: tuple[Optimizer, ...] = ()
    scalers: tuple[Any, ...] = ()
    schedulers: tuple[Any, ...] = ()
    loss_fn: Any = None

    @classmethod
    def of(cls, setup: TrainingSetup) -> Parts:
        scalers = () if setup.scaler is None else (setup.scaler,)
        models, loss_fn = {"model": setup.model}, setup.loss_fn
        if isinstance(loss_fn, nn.Module) and (*loss_fn.parameters(), *loss_fn.buffers()):
            models["loss_fn"] = loss_fn
        return cls(models, setup.optimizers, scalers, setup.schedulers, loss_fn or setup.batch_loss)

    def modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Every module under its dotted path, without what compiling or data parallel put before it."""
        for name, model in self.models.items():
            for path, module in unwrapped(model).named_modules(remove_duplicate=False):
                yield joined("" if name == "model" or len(self.models) == 1 else name, plain_path(path)), module

    def parameters(self) -> dict[str, Tensor]:
        """By name; a tied one under each of its names. One that only an optimizer knows is called by its place there."""
        found = {joined(path, key): p for path, module in self.modules() for key, p in module._parameters.items() if p is not None}
        known = {id(p) for p in found.values()}
        for i, optimizer in enumerate(self.optimizers):
            placed = [p for group in optimizer.param_groups for p in group["params"]]
            found |= {f"optimizer[{i}] parameter {n}": p for n, p in enumerate(placed) if id(p) not in known}
        return found

    def names(self) -> dict[int, str]:
        """id of a parameter → the first of its names."""
        return {id(p): name for name, p in reversed(self.parameters().items())}

    def buffers(self) -> dict[str, Tensor]:
        """By name, those that state_dict() leaves out too."""
        return {joined(path, key): b for path, module in self.modules() for key, b in module._buffers.items() if b is not None}


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own model inside torch.compile, DataParallel and DistributedDataParallel."""
    while True:
        if "_orig_mod" in model._modules:
            model = model._modules["_orig_mod"]
        elif isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        else:
            return model


def joined(path: str, name: str) -> str:
    """`encoder` and `weight` as `encoder.weight`."""
    return f"{path}.{name}" if path and name else path or name
