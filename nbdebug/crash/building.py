"""The call that builds a layer of torch, written and made anew with other arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn


def written(module: nn.Module, changes: dict[str, Any]) -> str:
    """The call that builds a layer of torch, with what is not its default: `nn.Conv2d(8, 16, 3, padding=1)`."""
    required, named = [], []
    for name, value in _arguments(module, changes):
        default = inspect.signature(type(module).__init__).parameters[name].default
        if default is inspect.Parameter.empty:
            required.append(_plain(value))
        elif _plain(value) != _plain(default):
            named.append(f"{name}={_plain(value)}")
    return f"nn.{type(module).__name__}({', '.join([*required, *named])})"


def rebuilt(module: nn.Module, changes: dict[str, Any]) -> nn.Module:
    """A fresh layer of the same kind with other arguments, of the same dtype and device."""
    made = type(module)(**{name: value for name, value in _arguments(module, changes)})
    like = next(module.parameters(), None)
    return made.train(module.training) if like is None else made.to(like.device, like.dtype).train(module.training)


def _arguments(module: nn.Module, changes: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, parameter in inspect.signature(type(module).__init__).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in changes:
            yield name, changes[name]
        elif name == "bias":
            yield name, getattr(module, "bias", None) is not None if not isinstance(getattr(module, "bias", None), bool) else module.bias
        elif hasattr(module, name) and not isinstance(getattr(module, name), (Tensor, nn.Module)):
            yield name, getattr(module, name)


def _plain(value: Any) -> str:
    if isinstance(value, tuple) and value and len(set(value)) == 1:
        return str(value[0])
    return repr(value) if isinstance(value, str) else str(value)
