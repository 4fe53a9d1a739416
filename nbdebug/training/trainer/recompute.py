"""Activation checkpointing: blocks whose activations are not kept but computed again on the way back.

A block gets a class of the same name over its own, so that names in `state_dict`, hooks, copies and `isinstance` are as they were.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint

from nbdebug.errors import ConfigError
from nbdebug.training.config.values import did_you_mean


class Recomputed:
    """What a block's class gets in front: its forward, with what it needs for the way back computed anew. Dropout draws the same numbers again."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        forward = super().forward  # type: ignore[misc]
        if not (self.training and torch.is_grad_enabled()):  # type: ignore[attr-defined]
            return forward(*args, **kwargs)
        if torch.compiler.is_compiling():  # which knows checkpoint by itself, and does not do again what changes a buffer
            return checkpoint(forward, *args, use_reentrant=False, **kwargs)
        passes = functools.partial(_passes, self)
        return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=True, context_fn=passes, **kwargs)


@dataclass(frozen=True)
class Blocks:
    """The blocks that are computed again."""

    names: tuple[str, ...]
    modules: tuple[nn.Module, ...]

    def undo(self) -> None:
        """Each block its own class again."""
        for module in self.modules:
            if isinstance(module, Recomputed):
                module.__class__ = type(module).__mro__[2]


def recompute(model: nn.Module, wanted: bool | list[str]) -> Blocks:
    """Switches activation checkpointing on.

    Args:
        wanted: names of modules, also patterns such as "layers.*"; or true: blocks that are repeated are found.

    Raises:
        ConfigError: a name that no module has, or no blocks are found.
    """
    if not wanted:
        return Blocks((), ())
    names = repeated(model) if wanted is True else _matching(model, wanted)
    modules = dict(model.named_modules())
    for name in names:
        module = modules[name]
        if not isinstance(module, Recomputed):
            module.__class__ = _recomputed(type(module))
    return Blocks(tuple(names), tuple(modules[name] for name in names))


def repeated(model: nn.Module) -> list[str]:
    """The outermost blocks that come several times: of one class beside each other, or else anywhere in the model, with layers inside.

    Raises:
        ConfigError: there are none.
    """
    blocks = {name: module for name, module in model.named_modules() if name and any(module.children()) and any(True for _ in module.parameters())}
    blocks = {name: module for name, module in blocks.items() if not isinstance(module, (nn.ModuleList, nn.ModuleDict))}  # which have no forward
    beside = Counter((name.rpartition(".")[0], type(module)) for name, module in blocks.items())
    anywhere = Counter(type(module) for module in blocks.values())
    rows = [name for name, module in blocks.items() if beside[name.rpartition(".")[0], type(module)] > 1]
    found = _outermost(rows or [name for name, module in blocks.items() if anywhere[type(module)] > 1 and type(module) is not nn.Sequential])
    if not found:
        raise ConfigError(f"no blocks that come several times were found in {type(model).__name__}: name modules in training.checkpoint_activations")
    return found


def _outermost(names: list[str]) -> list[str]:
    return [name for name in names if not any(name.startswith(f"{outer}.") for outer in names)]


def _passes(block: Any) -> tuple[contextlib.AbstractContextManager[None], contextlib.AbstractContextManager[None]]:
    """What stands around the first pass, and around the second."""
    return contextlib.nullcontext(), statistics_kept(block)


@contextlib.contextmanager
def statistics_kept(block: nn.Module) -> Iterator[None]:
    """A second pass over the same batch must not enter running statistics a second time."""
    norms = [module for module in block.modules() if isinstance(module, _NormBase) and module.track_running_stats]
    before = [(norm, norm.momentum, norm.num_batches_tracked.clone() if norm.num_batches_tracked is not None else None) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, counted in before:
            norm.momentum = momentum
            if counted is not None:
                norm.num_batches_tracked.copy_(counted)


KINDS: dict[type[nn.Module], type[nn.Module]] = {}  # one class for each, so that blocks that were of one class are so again


def _recomputed(kind: type[nn.Module]) -> type[nn.Module]:
    if kind not in KINDS:

        @functools.wraps(kind.forward)  # whoever asks for the names of its arguments sees those of the block
        def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
            return Recomputed.forward(self, *args, **kwargs)

        told = {"forward": forward, "__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        KINDS[kind] = type(kind.__name__, (Recomputed, kind), told)
    return KINDS[kind]


def _matching(model: nn.Module, wanted: list[str]) -> list[str]:
    names = [name for name, _ in model.named_modules() if name]
    found: list[str] = []
    for pattern in wanted:
        fitting = [name for name in names if fnmatch.fnmatchcase(name, pattern) and name.count(".") == pattern.count(".")]
        if not fitting:
            raise ConfigError(f'training.checkpoint_activations names "{pattern}", and no module of {type(model).__name__} is called so{did_you_mean(pattern, names)}')
        found += [name for name in fitting if name not in found]
    return _outermost(found)
