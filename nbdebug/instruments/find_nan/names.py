"""What a parameter is called, wherever it lives."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.training_setup import TrainingSetup


def named(setup: TrainingSetup) -> dict[int, str]:
    """id of a parameter → its name, in the model, in a loss that is a module, or by its place in the optimizer."""
    found: dict[int, str] = {}
    for number, optimizer in enumerate(setup.optimizers):
        for g, group in enumerate(optimizer.param_groups):
            kind = type(optimizer).__name__ + (f" {number}" if len(setup.optimizers) > 1 else "")
            found |= {id(p): f"parameter {i} in group {g} of {kind}" for i, p in enumerate(group["params"])}
    if isinstance(setup.loss_fn, nn.Module):
        found |= {id(p): f"loss_fn.{name}" for name, p in setup.loss_fn.named_parameters()}
    return found | {id(p): name for name, p in setup.model.named_parameters()}


def owned(setup: TrainingSetup, names: dict[int, str]) -> dict[str, Tensor]:
    """The parameters that the optimizers move, by name; without an optimizer all that want a gradient."""
    held = [p for o in setup.optimizers for p in _parameters(o)] or [p for p in setup.model.parameters() if p.requires_grad]
    return {names[id(p)]: p for p in held}


def _parameters(optimizer: Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]
