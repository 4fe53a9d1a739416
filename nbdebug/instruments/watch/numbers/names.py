"""What modules and parameters are called: by their path in the first root module that they were found under."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from nbdebug.listening import plain_path

ROOT = "(the model itself)"


@dataclass
class Names:
    """Knows objects by their id for as long as they live."""

    _parameters: dict[int, tuple[weakref.ref[Any], str]] = field(default_factory=dict)

    def add(self, model: nn.Module, prefix: str, named: Sequence[tuple[str, nn.Parameter]] = ()) -> None:
        for path, parameter in named or model.named_parameters():
            known = self._parameters.get(id(parameter))
            if known is None or known[0]() is not parameter:
                self._parameters[id(parameter)] = weakref.ref(parameter), prefix + unwrapped(model, path)

    def of(self, parameter: Tensor) -> str | None:
        known = self._parameters.get(id(parameter))
        return known[1] if known is not None and known[0]() is parameter else None


def heard_modules(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Path and module of all that computes: leaves, and containers that own parameters. What is compiled is not heard."""
    found: list[tuple[str, nn.Module]] = []
    seen: set[int] = set()

    def walk(path: str, module: nn.Module) -> None:
        if id(module) in seen or "_orig_mod" in module._modules or module._compiled_call_impl is not None:
            return
        seen.add(id(module))
        if not module._modules or module._parameters:
            found.append((unwrapped(model, path), module))
        for name, child in module._modules.items():
            if child is not None:
                walk(f"{path}.{name}" if path else name, child)

    walk("", model)
    return found


def unwrapped(model: nn.Module, path: str) -> str:
    """A path without what DistributedDataParallel, DataParallel and torch.compile put before it."""
    wrapped = isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel))
    return plain_path(path.removeprefix("module.") if wrapped else path)
