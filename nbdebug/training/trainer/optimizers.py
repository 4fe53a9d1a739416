"""The optimizer that was configured, or the setup's own with other numbers."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from nbdebug.errors import ConfigError, first_line
from nbdebug.training.config import RunConfig
from nbdebug.training.config.of_learning import OPTIMIZERS

USUAL = "AdamW"  # where a setup has no optimizer and none is named


def build_optimizer(config: RunConfig, model: nn.Module, own: Sequence[Optimizer] = ()) -> Optimizer:
    """The optimizer of a training.

    Args:
        model: whose parameters with `requires_grad` are trained.
        own: those of the setup.

    Raises:
        ConfigError: the configuration says what this model or the setup's own optimizer cannot have.
    """
    told = config.optimizer
    if told is None or told.type is None:
        if len(own) > 1 and told is not None:
            raise ConfigError(f"the setup has {len(own)} optimizers, and the configuration speaks of one: leave `optimizer` out, and change them in the setup")
        if own:
            return own[0] if told is None else _changed(own[0], told.told(), told.decay_norms)
    kind = OPTIMIZERS[told.type if told is not None and told.type else USUAL]
    numbers = told.told() if told is not None else {}
    groups = _groups(model, decay_norms=told is None or told.decay_norms)
    try:
        return kind(groups, **{name: tuple(value) if isinstance(value, list) else value for name, value in numbers.items()})
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{kind.__name__} cannot be made of these options and this model: {first_line(error)}") from error


def spared(model: nn.Module) -> set[str]:
    """The names of parameters that decay would not help: of normalisations, biases, and other vectors and single numbers."""
    found = {name for name, parameter in model.named_parameters() if parameter.ndim <= 1}
    for path, module in model.named_modules():
        if "norm" in type(module).__name__.lower():
            found |= {f"{path}.{name}" if path else name for name, _ in module.named_parameters(recurse=False)}
    return found


def _groups(model: nn.Module, *, decay_norms: bool) -> list[dict[str, Any]]:
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    if not trained:
        raise ConfigError(f"{type(model).__name__} has no parameter with requires_grad: there is nothing to train")
    without = set() if decay_norms else spared(model)
    decayed = [parameter for name, parameter in trained if name not in without]
    rest = [parameter for name, parameter in trained if name in without]
    return [group for group in ({"params": decayed}, {"params": rest, "weight_decay": 0.0}) if group["params"]]


def _changed(own: Optimizer, numbers: dict[str, Any], decay_norms: bool) -> Optimizer:
    """The setup's optimizer with some numbers of its groups changed."""
    if not decay_norms:
        raise ConfigError("optimizer.decay_norms sorts parameters into groups, and those of the setup's own optimizer stand already: say optimizer.type")
    kind = type(own).__name__
    for name, value in numbers.items():
        if name not in own.defaults:
            raise ConfigError(f"optimizer.{name} is no option of the setup's {kind}, which has {', '.join(_options(own))}")
        if name == "lr" and any("max_lr" in group for group in own.param_groups):
            raise ConfigError("optimizer.lr is said, and the setup's own scheduler goes through rates of its own: say scheduler.type and scheduler.max_lr")
        kept = ["initial_lr" if name == "lr" and "initial_lr" in group else name for group in own.param_groups]
        there = list({repr(group[key]): group[key] for group, key in zip(own.param_groups, kept, strict=True)}.values())
        if len(there) > 1:
            seen = ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in there)
            raise ConfigError(f"optimizer.{name} would make one of what differs between the groups of the setup's {kind} ({seen}): change it there")
        own.defaults[name] = value
        for group in own.param_groups:
            began = group.get("initial_lr") if name == "lr" else None  # a scheduler was built on it, which may be warming up
            group[name] = value * group["lr"] / began if began else tuple(value) if isinstance(value, list) else value
            if began:
                group["initial_lr"] = value
    return own


def _options(own: Optimizer) -> Iterable[str]:
    known = inspect.signature(type(own)).parameters
    return [name for name in own.defaults if name in known]
