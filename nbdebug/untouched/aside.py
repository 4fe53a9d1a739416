"""Putting bindings and contents aside, and handing back the very same objects."""

from __future__ import annotations

import contextlib
import copy
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Undo = Callable[[], None]
EMPTY: dict[Any, Any] = {}  # what most registries of hooks hold


class Aside:
    """Remembers what mappings and containers hold; calling it puts everything back as it was.

    Nothing of the user's is copied but references, and what is as it was is not written to.
    """

    def __init__(self) -> None:
        self._mappings: list[tuple[dict[Any, Any], dict[Any, Any], Collection[str]]] = []
        self._bindings: list[tuple[Any, dict[Any, Any]]] = []
        self._contents: list[tuple[Any, list[Any]]] = []

    def mapping(self, mapping: dict[Any, Any], *, without: Collection[str] = ()) -> None:
        """A dict, or the attributes of an object; the keys in `without` are somebody else's business."""
        self._mappings.append((mapping, dict(mapping) if mapping else EMPTY, without))

    def mappings(self, mappings: Iterable[dict[Any, Any]]) -> None:
        """Several dicts."""
        for mapping in mappings:
            self.mapping(mapping)

    def bindings(self, namespace: Any, names: Iterable[str]) -> None:
        """What these names are bound to; other names may come and go."""
        self._bindings.append((namespace, {name: namespace[name] for name in names}))

    def registry(self, registry: Any) -> None:
        """The parameters, buffers or children of a module; a scripted one has its own kind of mapping, of fixed keys."""
        if isinstance(registry, dict):
            self.mapping(registry)
        else:
            self.bindings(registry, registry.keys())

    def container(self, container: Any) -> None:
        """A plain dict, list, deque or set."""
        if isinstance(container, dict):
            self.mapping(container)
        else:
            self._contents.append((container, list(container)))

    def __call__(self) -> None:
        for mapping, saved, without in self._mappings:
            if mapping or saved:
                _restore(mapping, saved, without)
        for namespace, saved in self._bindings:
            _rebind(namespace, saved)
        for container, content in self._contents:
            if not same(list(container), content):
                container.clear()
                (container.update if isinstance(container, set) else container.extend)(content)


def _restore(mapping: dict[Any, Any], saved: dict[Any, Any], without: Collection[str]) -> None:
    goal = {k: mapping.get(k, v) if k in without else v for k, v in saved.items()} if without else saved
    if not same(list(mapping), list(goal)):  # something was added, taken away or moved
        mapping.clear()
        mapping.update(goal)
    _rebind(mapping, goal)


def _rebind(namespace: Any, saved: dict[Any, Any]) -> None:
    for key, value in saved.items():
        if key not in namespace or namespace[key] is not value:
            namespace[key] = value


def same(one: list[Any], other: list[Any]) -> bool:
    """The same objects in the same order; not asked by ==, which tensors answer with a tensor."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


class Loan:
    """Stand-ins for tensors and arrays, one for each original, so that what is shared stays shared."""

    LENT = (Tensor, np.ndarray, tuple)  # what `plain` may give a stand-in for

    def __init__(self) -> None:
        self._lent: dict[int, Any] = {}
        self._originals: list[Any] = []  # so that no id is used twice

    def plain(self, value: Any) -> Any:
        """A clone of a plain tensor or array, also inside a tuple; anything else, and every parameter, itself."""
        if isinstance(value, Tensor):
            if isinstance(value, nn.Parameter) or (value.is_leaf and value.requires_grad):
                return value  # the optimizer may hold it, and it must meet the very tensor
            return self.tensor(value)
        if isinstance(value, np.ndarray):
            return self._once(value, np.ndarray.copy)
        if isinstance(value, tuple):
            items = [self.plain(item) for item in value]
            if type(value) is tuple:
                return value if same(items, list(value)) else tuple(items)
            return type(value)._make(items) if hasattr(value, "_make") else value
        return value

    def tensor(self, tensor: Tensor) -> Tensor:
        """An independent copy without history, wanting a gradient if the original does."""
        lent = self._once(tensor, lambda original: original.detach().clone())
        return lent.requires_grad_() if tensor.requires_grad else lent

    def deep(self, value: Any) -> Any:
        """A copy of an optimizer's state: tensors cloned, containers rebuilt, parameters themselves."""
        if isinstance(value, (Tensor, np.ndarray)):
            return self.plain(value)
        if type(value) in (dict, OrderedDict, defaultdict):
            return self._once(value, self._deep_dict)
        if type(value) in (list, deque):
            return self._once(value, lambda items: type(items)(map(self.deep, items)))
        if type(value) is tuple:
            return tuple(map(self.deep, value))
        if type(value).__dictoffset__ and not callable(value):
            with contextlib.suppress(Exception):  # a lock, a stream: then the thing itself
                return self._once(value, copy.deepcopy)
        return value

    def _deep_dict(self, mapping: Mapping[Any, Any]) -> Any:
        lent = copy.copy(mapping)  # keeps the default of a defaultdict
        for key, value in mapping.items():
            lent[key] = self.deep(value)
        return lent

    def _once(self, value: Any, lend: Callable[[Any], Any]) -> Any:
        if id(value) not in self._lent:
            self._lent[id(value)] = lend(value)
            self._originals.append(value)
        return self._lent[id(value)]


def copy_memory(tensors: list[Tensor]) -> list[Tensor]:
    """Copies that overlap as the originals do: layers of an RNN lie in one block, a view may be tied to a whole."""
    used: dict[int, list[int]] = defaultdict(list)  # storage → bytes of each tensor in it
    for tensor in tensors:
        if _has_storage(tensor):
            used[tensor.untyped_storage()._cdata].append(tensor.nbytes)
    blocks: dict[int, Any] = {}
    copies = []
    for tensor in tensors:
        storage = tensor.untyped_storage() if _has_storage(tensor) else None
        if storage is None or (len(used[storage._cdata]) == 1 and tensor.nbytes < storage.nbytes()):
            copies.append(tensor.clone())  # a small part of something large: only the part
            continue
        if storage._cdata not in blocks:
            blocks[storage._cdata] = storage.clone()
        place = tensor.storage_offset(), tensor.size(), tensor.stride()
        copies.append(torch.empty(0, dtype=tensor.dtype, device=tensor.device).set_(blocks[storage._cdata], *place))
    return copies


def _has_storage(tensor: Tensor) -> bool:
    plain = type(tensor) in (Tensor, nn.Parameter) and tensor.layout == torch.strided
    return plain and not tensor.is_meta and not tensor.is_quantized
