"""What was made plain, made again: a class is looked up among what is imported, and no constructor is called."""

from __future__ import annotations

import dataclasses
import sys
import types
from collections import OrderedDict, UserDict, deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from nbdebug.errors import CapsuleError
from nbdebug.nonfinite.kept.flat import PLAIN_DICTS

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: the class was made by a class statement


def rebuilt(flat: Any, parameters: Mapping[str, Tensor] | None = None, made: dict[int, Tensor] | None = None) -> Any:
    """What was flattened, in tensors of its own; a class that nobody has imported becomes a dict, a tuple or a SimpleNamespace.

    Raises:
        CapsuleError: this was not written by a Flattener.
    """
    made = {} if made is None else made

    def again(item: Any) -> Any:
        return rebuilt(item, parameters, made)

    if isinstance(flat, list):
        return list(map(again, flat))
    if isinstance(flat, Tensor):
        return made.setdefault(id(flat), flat.clone())
    if not isinstance(flat, dict):
        return flat
    if flat.get("kind") == "parameter":
        return (parameters or {})[flat["name"]]
    make = _MAKERS.get(flat.get("kind", ""))
    if make is None:
        raise CapsuleError(f"the capsule holds something of a kind that is not known: {str(flat.get('kind'))[:40]!r}")
    return make(flat, again)


def _find(name: str) -> type | None:
    """A class by its name, among what is imported already; only looked up in dictionaries, so that no code runs."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = vars(found).get(part) if isinstance(found, (types.ModuleType, type)) else None
    return found if isinstance(found, type) else None


def _namedtuple(flat: dict[str, Any], again: Callable[[Any], Any]) -> Any:
    kind, items = _find(flat["type"]), [again(item) for item in flat["items"]]
    if kind is not None and issubclass(kind, tuple) and list(getattr(kind, "_fields", ())) == flat["fields"]:
        return tuple.__new__(kind, items)
    return types.SimpleNamespace(**dict(zip(flat["fields"], items, strict=True)))


def _mapping(flat: dict[str, Any], again: Callable[[Any], Any]) -> Any:
    kind, pairs = _find(flat["type"]), [(again(key), again(item)) for key, item in flat["pairs"]]
    if kind is None or not issubclass(kind, (dict, UserDict)) or kind in PLAIN_DICTS:
        return OrderedDict(pairs) if kind is OrderedDict else dict(pairs)
    try:
        twin: Any = _bare(kind)
    except TypeError:
        return dict(pairs)
    held = {name: again(item) for name, item in flat["attributes"].items()}
    if issubclass(kind, UserDict):
        twin.__dict__.update(held, data=dict(pairs))
        return twin
    getattr(twin, "__dict__", {}).update(held)
    for key, item in pairs:
        (OrderedDict if issubclass(kind, OrderedDict) else dict).__setitem__(twin, key, item)
    if dataclasses.is_dataclass(kind):  # what transformers returns is a mapping and a dataclass at once
        twin.__dict__.update({key: item for key, item in pairs if isinstance(key, str)})
    return twin


def _dataclass(flat: dict[str, Any], again: Callable[[Any], Any]) -> Any:
    kind, fields = _find(flat["type"]), {name: again(item) for name, item in flat["fields"].items()}
    if kind is None or not dataclasses.is_dataclass(kind) or {f.name for f in dataclasses.fields(kind)} != fields.keys():
        return types.SimpleNamespace(**fields)
    try:
        twin = _bare(kind)
    except TypeError:
        return types.SimpleNamespace(**fields)
    for name, value in fields.items():
        object.__setattr__(twin, name, value)
    return twin


def _bare(kind: type) -> Any:
    """An instance of which no constructor has run: that would be code."""
    built_in = next(base for base in kind.__mro__ if not base.__flags__ & HEAP_TYPE)
    return built_in.__new__(kind)


def _array(flat: dict[str, Any], again: Callable[[Any], Any]) -> Any:
    values = np.frombuffer(flat["octets"].numpy().tobytes(), dtype=np.dtype(flat["dtype"])).copy()
    return values[0] if flat["shape"] is None else values.reshape(flat["shape"])


def _dtype(flat: dict[str, Any], again: Callable[[Any], Any]) -> Any:
    found = vars(torch).get(flat["name"])
    return found if isinstance(found, torch.dtype) else None


_MAKERS: dict[str, Callable[[dict[str, Any], Callable[[Any], Any]], Any]] = {
    "leaf": lambda flat, again: again(flat["tensor"]).requires_grad_(),
    "lost": lambda flat, again: None,
    "packed": lambda flat, again: PackedSequence(*map(again, flat["items"])),
    "namedtuple": _namedtuple,
    "mapping": _mapping,
    "dataclass": _dataclass,
    "list": lambda flat, again: list(map(again, flat["items"])),
    "tuple": lambda flat, again: tuple(map(again, flat["items"])),
    "deque": lambda flat, again: deque(map(again, flat["items"])),
    "set": lambda flat, again: set(map(again, flat["items"])),
    "frozenset": lambda flat, again: frozenset(map(again, flat["items"])),
    "array": _array,
    "texts": lambda flat, again: np.array(flat["items"]).reshape(flat["shape"]),
    "bytes": lambda flat, again: flat["octets"].numpy().tobytes(),
    "complex": lambda flat, again: complex(*flat["parts"]),
    "dtype": _dtype,
    "device": lambda flat, again: torch.device(flat["name"]),
}
