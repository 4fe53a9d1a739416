"""How a layer that stands in several places is called: with its own output, with the same input; and the words that say it is meant."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nbdebug.batch import tensors
from nbdebug.lines.repeated import ON_PURPOSE
from nbdebug.listening import ModuleCall, Tape

__all__ = ["ON_PURPOSE", "chained_and_alike", "has_weights"]

def has_weights(module: nn.Module) -> bool:
    """Whether a layer of its own would learn something else: a shared scale or slope is no loss."""
    return any(p.ndim > 1 and p.requires_grad for p in module.parameters()) or isinstance(module, _BatchNorm)


def chained_and_alike(tape: Tape, module: nn.Module) -> tuple[bool, bool]:
    """Whether one call's output goes into a later call, and whether two calls get the very same tensors."""
    calls = [call for call in tape.modules if call.module is module and call.returned]
    given = [[t for _, t in tensors((call.args, call.kwargs))] for call in calls]
    same = [ids for ids in (tuple(map(id, held)) for held in given) if ids]
    for later, held in zip(calls[1:], given[1:], strict=True):
        if held and any(_feeds(tape, earlier, held[0]) for earlier in calls if earlier.last <= later.first):
            return True, len(set(same)) < len(same)
    return False, len(set(same)) < len(same)


def _feeds(tape: Tape, earlier: ModuleCall, tensor: object) -> bool:
    return any(earlier.first <= index < earlier.last for index in tape.ancestors(tensor))  # type: ignore[arg-type]
