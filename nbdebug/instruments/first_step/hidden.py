"""Tensors that learn, and that `model.parameters()` does not know: in a plain list, or made anew in every forward."""

from __future__ import annotations

import types
from collections.abc import Iterator
from itertools import islice
from typing import Any

from torch import Tensor, nn

from nbdebug.instruments.first_step.result import Hidden
from nbdebug.listening import Call, Tape, plain_path

MOST_PARTS = 1000  # of one list or dict that are looked at
MOST_STEPS = 4  # from the module to the tensor
_MODULE_INTERNALS = frozenset(vars(nn.Module()))


def hidden(model: nn.Module, tape: Tape, *, known: set[int], owners: set[int]) -> Iterator[Hidden]:
    """Leaves with a gradient that a plain attribute of one of the model's modules holds; and parameters that nothing
    holds, though the forward pass uses them."""
    leaves = {id(t): t for call in tape.calls for t in call.inputs() if t.is_leaf and t.grad is not None}
    strangers = {key: leaf for key, leaf in leaves.items() if key not in known}
    if not strangers:
        return
    seen: set[int] = set()
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name.startswith("_") and name in _MODULE_INTERNALS:
                continue
            for place, tensor in _tensors_inside(value, name, MOST_STEPS, seen):
                if strangers.pop(id(tensor), None) is not None:
                    yield Hidden(place, plain_path(path), tuple(tensor.shape), id(tensor) in owners)
    for leaf, call in _last_uses(tape, strangers):
        yield Hidden("", call.module, tuple(leaf.shape), id(leaf) in owners, call.location)


def _last_uses(tape: Tape, strangers: dict[int, Tensor]) -> list[tuple[Tensor, Call]]:
    """The parameters among these that the model's forward uses, and where; the first use may be their initialisation."""
    root = tape.root
    calls = tape.calls[root.first : root.last] if root is not None else []
    used = {id(leaf): (leaf, call) for call in calls for leaf in call.inputs() if isinstance(leaf, nn.Parameter)}
    return [found for key, found in used.items() if key in strangers]


def _tensors_inside(value: Any, place: str, steps: int, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield place, value
    elif isinstance(value, nn.Module):
        for name, parameter in value.named_parameters():
            yield f"{place}.{name}", parameter
    elif steps and id(value) not in seen:
        for name, item in _parts(value, seen):
            yield from _tensors_inside(item, f"{place}{name}", steps - 1, seen)


def _parts(value: Any, seen: set[int]) -> list[tuple[str, Any]]:
    """What a plain container or object holds, unless it was looked into already."""
    if isinstance(value, dict):
        held = [(f"[{key!r}]", item) for key, item in islice(value.items(), MOST_PARTS)]
    elif isinstance(value, (list, tuple)):
        held = [(f"[{position}]", item) for position, item in enumerate(value[:MOST_PARTS])]
    elif type(value).__dictoffset__ and not isinstance(value, (type, types.ModuleType, types.FunctionType)):
        held = [(f".{key}", item) for key, item in vars(value).items()]
    else:
        return []
    seen.add(id(value))
    return held
