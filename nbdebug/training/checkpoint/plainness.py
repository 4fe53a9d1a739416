"""A state as tensors and plain containers, so that `weights_only` reads it back and nothing in it can run."""

from __future__ import annotations

import copy
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from nbdebug.errors import CheckpointError

DEEPEST = 64  # containers in containers; deeper is a ring
AS_THEY_ARE = (type(None), bool, int, float, str, bytes, complex, torch.dtype, torch.device)
DICTS = (dict, OrderedDict, Counter)  # a scheduler counts its milestones; every other mapping becomes a dict


def plain(value: Any, path: str = "state", depth: int = 0) -> Any:
    """The same value without anything but tensors, numbers, texts, dicts, lists, tuples and sets; NumPy's become torch's.

    Raises:
        CheckpointError: something in it is of another kind; says where.
    """
    if depth > DEEPEST:
        raise CheckpointError(f"{path[:80]}… holds itself, or is nested deeper than {DEEPEST} levels")
    if type(value) in AS_THEY_ARE:
        return value
    if isinstance(value, Tensor):
        return _numbers(value, path)
    if isinstance(value, Mapping):
        return _mapping(value, path, depth)
    if isinstance(value, (list, tuple, torch.Size)):
        items = [plain(item, f"{path}[{n}]", depth + 1) for n, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, (set, frozenset)):
        return {plain(item, f"{path}.item", depth + 1) for item in value}
    if isinstance(value, np.generic) and value.dtype.kind in "biufcSU":
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return torch.from_numpy(np.ascontiguousarray(value))
    raise CheckpointError(f"{path} is a {type(value).__name__}, and a checkpoint holds only tensors and plain values")


def _numbers(tensor: Tensor, path: str) -> Tensor:
    """Without its graph; a view of something larger as a tensor of its own, for torch would write all of the larger one."""
    if is_traceable_wrapper_subclass(tensor):
        raise CheckpointError(f"{path} is a {type(tensor).__name__}, which is made of other tensors and cannot be kept in one file")
    bare = tensor.detach().as_subclass(Tensor)
    if bare.layout != torch.strided or bare.is_meta:
        return bare
    own = bare.untyped_storage().nbytes() <= bare.numel() * bare.element_size()
    return bare if own else bare.clone()


def _mapping(value: Mapping[Any, Any], path: str, depth: int) -> Any:
    items = {plain(key, f"{path}.keys()", depth + 1): plain(item, f"{path}[{key!r}]", depth + 1) for key, item in value.items()}
    if type(value) not in DICTS or type(value) is dict:
        return items
    twin = copy.copy(value)  # a state_dict carries the versions of its modules in an attribute
    twin.update(items) if type(value) is OrderedDict else None
    return twin
