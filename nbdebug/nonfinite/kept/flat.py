"""A batch or a state as plain containers and tensors, so that a file of it holds nothing that could run.

Lists, numbers, strings, None and tensors stand for themselves; everything else is a dict with the key "kind".
"""

from __future__ import annotations

import dataclasses
import pathlib
import types
from collections import OrderedDict, UserDict, deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from nbdebug.errors import CapsuleError

DEEPEST = 32  # containers in containers; deeper is a ring
PLAIN_DICTS = (dict, OrderedDict)


class Flattener:
    """Makes things plain; the same tensor twice is the same tensor afterwards.

    Args:
        values: id of a tensor → a copy to keep instead of what it holds now.
        names: id of a tensor → a name that stands for it, for parameters inside an optimizer.
    """

    def __init__(self, values: Mapping[int, Tensor] | None = None, names: Mapping[int, str] | None = None) -> None:
        self.lost: list[str] = []  # paths of what has no plain form
        self._values, self._names = values or {}, names or {}
        self._made: dict[int, tuple[Tensor, Tensor]] = {}  # id → the original, so that no id is used twice, and the copy

    def __call__(self, value: Any, path: str = "", depth: int = 0) -> Any:
        if depth > DEEPEST:
            raise CapsuleError(f"{path[:80]} … holds itself, or is nested deeper than {DEEPEST} levels")
        if value is None or isinstance(value, (bool, int, float, str)):
            return _plain_number(value)
        if isinstance(value, Tensor):
            return self._parameter(value) if id(value) in self._names else self.tensor(value, path)

        def inside(item: Any, name: str) -> Any:
            return self(item, path + name, depth + 1)

        return _flat_container(value, inside) or _flat_scalar(value) or self._lost(value, path)

    def tensor(self, tensor: Tensor, path: str = "") -> Any:
        """A copy on the CPU with the same strides; of a leaf that wants a gradient, that too.

        Raises:
            CapsuleError: it is made of other tensors (a DTensor, a tensor of torchao).
        """
        copy = self.numbers(tensor, path)
        return {"kind": "leaf", "tensor": copy} if tensor.is_leaf and tensor.requires_grad else copy

    def numbers(self, tensor: Tensor, path: str) -> Tensor:
        """The copy alone."""
        if is_traceable_wrapper_subclass(tensor):
            kind = type(tensor).__name__
            raise CapsuleError(f"{path or 'a tensor'} is a {kind}, which is made of other tensors and cannot be kept in a file")
        if id(tensor) not in self._made:
            kept = self._values.get(id(tensor))
            self._made[id(tensor)] = (tensor, _own_copy(tensor) if kept is None else kept.resolve_conj().resolve_neg().cpu())
        return self._made[id(tensor)][1]

    def _parameter(self, tensor: Tensor) -> dict[str, Any]:
        return {"kind": "parameter", "name": self._names[id(tensor)]}

    def _lost(self, value: Any, path: str) -> dict[str, Any]:
        self.lost.append(path or type(value).__name__)
        return {"kind": "lost", "type": _type_name(type(value))}


def _plain_number(value: Any) -> Any:
    """A subclass of int or str (an IntEnum, a NumPy float) as the plain thing."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    return next(plain(value) for plain in (bool, int, float, str) if isinstance(value, plain))


def _own_copy(tensor: Tensor) -> Tensor:
    if tensor.is_meta:  # without numbers, there and here
        return tensor.detach()
    with torch.no_grad(), torch.inference_mode(False):
        plain = tensor.detach().as_subclass(Tensor)
        return plain.resolve_conj().resolve_neg().clone().cpu() if plain.layout == torch.strided else plain.clone().cpu()


def _flat_container(value: Any, inside: Callable[[Any, str], Any]) -> Any:
    kind = type(value)
    if isinstance(value, PackedSequence):
        return {"kind": "packed", "items": [inside(item, f".{name}") for name, item in zip(value._fields, value, strict=True)]}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        items = [inside(item, f".{name}") for name, item in zip(value._fields, value, strict=True)]
        return {"kind": "namedtuple", "type": _type_name(kind), "fields": list(value._fields), "items": items}
    if isinstance(value, (Mapping, UserDict)):
        pairs = [[inside(key, f".keys()[{n}]"), inside(item, f"[{key!r}]")] for n, (key, item) in enumerate(value.items())]
        held = {} if kind in PLAIN_DICTS else _attributes(value, inside)
        return {"kind": "mapping", "type": _type_name(kind), "pairs": pairs, "attributes": held}
    if isinstance(value, list):  # a list stands for itself, but an empty one would read as nothing
        return [inside(item, f"[{n}]") for n, item in enumerate(value)] or {"kind": "list", "items": []}
    for name, sequence in (("tuple", (tuple, torch.Size)), ("deque", deque), ("set", set), ("frozenset", frozenset)):
        if isinstance(value, sequence):
            return {"kind": name, "items": [inside(item, f"[{n}]") for n, item in enumerate(value)]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: inside(getattr(value, f.name), f".{f.name}") for f in dataclasses.fields(value)}
        return {"kind": "dataclass", "type": _type_name(kind), "fields": fields}
    if isinstance(value, types.SimpleNamespace):
        return {"kind": "dataclass", "type": "", "fields": {name: inside(item, f".{name}") for name, item in vars(value).items()}}
    return None


def _attributes(value: Any, inside: Callable[[Any, str], Any]) -> dict[str, Any]:
    """What a mapping of its own class holds beside its items."""
    held = getattr(value, "__dict__", {})
    return {name: inside(item, f".{name}") for name, item in held.items() if name != "data" and name not in value}


def _flat_scalar(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biufc":
            return {"kind": "array", "dtype": value.dtype.str, "octets": _octets(value.tobytes()), "shape": list(value.shape)}
        if value.dtype.kind in "US":
            return {"kind": "texts", "items": [str(item) for item in value.ravel()], "shape": list(value.shape)}
        return None
    if isinstance(value, np.generic) and value.dtype.kind in "biufc":
        return {"kind": "array", "dtype": value.dtype.str, "octets": _octets(value.tobytes()), "shape": None}
    if isinstance(value, (bytes, bytearray)):
        return {"kind": "bytes", "octets": _octets(bytes(value))}
    if isinstance(value, complex):
        return {"kind": "complex", "parts": [value.real, value.imag]}
    if isinstance(value, torch.dtype):
        return {"kind": "dtype", "name": str(value).removeprefix("torch.")}
    if isinstance(value, torch.device):
        return {"kind": "device", "name": str(value)}
    if isinstance(value, pathlib.PurePath):
        return str(value)
    return None


def _octets(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)


def _type_name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"
