"""torch.compile of the model, as the configuration says; what cannot be compiled trains as it is, with a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nbdebug.errors import ConfigError, first_line

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context


class Careful:
    """A backend of dynamo's which falls back to the graph as it is, operator by operator, where the real one fails.

    Args:
        backend: the real one.
        told: called with a sentence, once.
    """

    def __init__(self, backend: Callable[..., Any], name: str, told: Callable[[str], None]) -> None:
        self._backend, self._name, self._told = backend, name, told
        self._failed = False

    def __call__(self, graph: Any, inputs: Any, **options: Any) -> Any:
        try:
            return self._backend(graph, inputs, **options)
        except Exception as error:
            if not self._failed:
                self._failed = True
                self._told(f"the backend {self._name} could not compile the model, which trains uncompiled where it fails: {type(error).__name__}: {first_line(error)}")
            return graph.forward

    def __getattr__(self, name: str) -> Any:
        """`reset`, `get_compiler_config`: what torch asks some backends for."""
        return getattr(self._backend, name)


def compiled(model: nn.Module, told: bool | str | dict[str, Any], context: Context) -> nn.Module:
    """The model by torch.compile.

    Args:
        told: false; true; a mode; or `backend`, `mode`, `dynamic` and `fullgraph`.

    Raises:
        ConfigError: torch has no such backend here, or does not take these options together.
    """
    if told is False:
        return model
    options = {} if told is True else dict(told) if isinstance(told, dict) else {"mode": told}
    name, mode, dynamic = options.get("backend", "inductor"), options.get("mode"), options.get("dynamic")
    if mode is not None and name != "inductor":
        raise ConfigError(f"compile.mode is for the backend inductor, and the backend is {name}: leave mode out")
    backend = Careful(_backend(name, mode, dynamic), name, lambda said: context.note(said if context.world_size == 1 else f"rank {context.rank}: {said}"))
    return torch.compile(model, backend=backend, dynamic=dynamic, fullgraph=bool(options.get("fullgraph", False)))  # type: ignore[return-value]


def _backend(name: str, mode: str | None, dynamic: bool | None) -> Callable[..., Any]:
    if name == "inductor" and hasattr(torch, "_TorchCompileInductorWrapper"):  # what torch.compile itself takes; it knows the modes
        return torch._TorchCompileInductorWrapper(mode, None, dynamic)
    from torch._dynamo.backends.registry import list_backends, lookup_backend

    try:
        return lookup_backend(name)
    except Exception as error:
        known = ", ".join(list_backends(exclude_tags=()))
        raise ConfigError(f"compile.backend is {name!r}, which torch does not know here: take one of {known}") from error
