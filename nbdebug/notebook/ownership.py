"""Which optimizer updates which model, and which models are made of one another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from nbdebug.notebook.candidates import Variable


def parameters_of(model: nn.Module) -> set[int]:
    """Identities of a model's parameters."""
    return {id(p) for p in model.parameters()}


def updated_by(*optimizers: Variable) -> set[int]:
    """Identities of the parameters that these optimizers update."""
    flat = [o for variable in optimizers for o in several(variable.value) if isinstance(o, Optimizer)]
    return {id(p) for optimizer in flat for group in optimizer.param_groups for p in group["params"]}


def disjoint(optimizers: list[Variable]) -> bool:
    """Whether no parameter belongs to two of them."""
    return sum(len(updated_by(o)) for o in optimizers) == len(updated_by(*optimizers))


def trainers(model: Variable, optimizers: Iterable[Variable]) -> list[Variable]:
    """The optimizers that update some of a model's parameters."""
    return [o for o in optimizers if updated_by(o) & parameters_of(model.value)]


def families(models: list[Variable]) -> list[list[Variable]]:
    """Models grouped so that those which share a parameter, or hold one another, are together."""
    groups: list[list[Variable]] = []
    for model in models:
        kin = [group for group in groups if any(_related(model.value, other.value) for other in group)]
        groups = [group for group in groups if group not in kin] + [[*(m for group in kin for m in group), model]]
    return groups


def holds(model: nn.Module, part: nn.Module) -> bool:
    """Whether `part` is one of the modules of `model`."""
    return any(module is part for module in model.modules())


def size(model: Variable) -> int:
    """Number of modules, so that the whole is larger than its parts."""
    return len(list(model.value.modules()))


def several(value: Any) -> tuple[Any, ...]:
    """None, one or a sequence, as a tuple."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _related(one: nn.Module, other: nn.Module) -> bool:
    return bool(parameters_of(one) & parameters_of(other)) or holds(one, other) or holds(other, one)
