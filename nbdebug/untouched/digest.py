"""A digest of the session: name → hash, taken before and after, so that a promise kept is a fact.

Values are hashed where they could be written to; and where an object must stay the very same, its identity is too.
"""

from __future__ import annotations

import hashlib
import sys
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbdebug.untouched.keepers import KEPT_ELSEWHERE, PARAMETER_HOOKS
from nbdebug.untouched.process import hook_registries, random_states, settings
from nbdebug.untouched.session import HOOKS, Session

SMALL = 1 << 15  # bytes; on the CPU such a tensor is hashed whole, a larger one by exact sums, ten times as fast
COLUMNS = 1024
PLAIN = frozenset([int, str, bool, bytes, type(None)])  # types of which a value is its own token
LONG = 1024  # items; a longer list is compared by the identity of its items only

Digest = dict[str, Any]


def digest(session: Session) -> Digest:
    """What the session holds now, under the names that a report would use."""
    return {**_tensors(session), **_modules(session), **_attributes(session), **_updates(session), **_process(session)}


def _tensors(session: Session) -> Digest:
    taken: Digest = {}
    for name, parameter in session.parameters.items():
        gradient = parameter.grad
        taken[f"weight {name}"] = (id(parameter), _place(parameter), values(parameter))
        taken[f"gradient {name}"] = (id(gradient), None if gradient is None else values(gradient))
        taken[f"requires_grad {name}"] = parameter.requires_grad
        taken[f"hooks of {name}"] = [list(getattr(parameter, hook) or ()) for hook in PARAMETER_HOOKS]
    for name, buffer in session.buffers:
        taken[f"buffer {name}"] = (id(buffer), _place(buffer), values(buffer))
    return taken


def _modules(session: Session) -> Digest:
    taken: Digest = {name: list(registry) for name, registry in hook_registries()}
    for name, module in session.modules.items():
        registries = ((hook, vars(module).get(hook)) for hook in HOOKS)
        taken[f"mode {name}"] = module.training
        taken[f"hooks of {name}"] = [(hook, token(registry, deep=1)) for hook, registry in registries if registry]
    return taken


def _updates(session: Session) -> Digest:
    taken: Digest = {}
    for name, optimizer in session.optimizers.items():
        kind = type(optimizer).__name__
        taken[f"{name} {kind} state"] = (id(optimizer.state), token(optimizer.state, deep=4))
        taken[f"{name} {kind} groups"] = token(optimizer.param_groups, deep=3)
        taken[f"{name} {kind}"] = _members(vars(optimizer), without=("state", "param_groups"))
    for name, scheduler in session.schedulers.items():
        taken[f"{name} {type(scheduler).__name__}"] = _members(vars(scheduler))
    for name, scaler in session.scalers.items():
        taken[name] = _members(vars(scaler))
    return taken


def _process(session: Session) -> Digest:
    read = ((state, state.read()) for state in (*random_states(session), *settings(session)))
    taken = {state.name: _identities(held) if state.names else _read(held) for state, held in read}
    if "torch._dynamo" in sys.modules:
        stance = getattr(sys.modules["torch._dynamo"].eval_frame, "_stance", None)  # torch has no public way to ask
        taken["global: compiler stance"] = repr(stance)
    return taken


def _identities(held: dict[str, Any]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return tuple(held), tuple(map(id, held.values()))


def _read(state: Any) -> Any:
    """A token of something that is made anew at each reading, so that only its values count."""
    if isinstance(state, Tensor):
        return values(state)
    return [_read(item) for item in state] if isinstance(state, list) else token(state, deep=4)


def differences(before: Digest, after: Digest) -> tuple[str, ...]:
    """The names of what is not as it was; of attributes, which ones. A library that was imported meanwhile is no change."""
    changed = (name for name in before | after if before.get(name) != after.get(name))
    imported = {name for name in after if name not in before and name.startswith(("global: ", "random state: "))}
    return tuple(_named(name, before.get(name), after.get(name)) for name in changed if name not in imported)


def _named(name: str, before: Any, after: Any) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [str(key) for key in before | after if before.get(key) != after.get(key)]
        return f"{name} ({', '.join(keys)})"
    return name


def _attributes(session: Session) -> Digest:
    taken: Digest = {}
    for name, module in session.modules.items():
        taken[f"attributes of {name}"] = _members(vars(module), without=KEPT_ELSEWHERE)
        for registry in ("_parameters", "_modules"):
            taken[f"attributes of {name}"][registry] = [(k, id(v)) for k, v in getattr(module, registry).items()]
    for name, holder in session.holders.items():
        taken[f"attributes of {name}"] = _members(vars(holder), hashed=id(holder) not in session.data)
    for name, container in session.containers.items():
        taken[f"content of {name}"] = token(container, deep=1, hashed=id(container) not in session.data)
    for name, namespace, names in session.namespaces():
        taken[name] = {key: token(namespace[key], hashed=False) for key in names if key in namespace}
    return taken


def _members(mapping: dict[str, Any], *, without: Iterable[str] = (), hashed: bool = True) -> dict[str, Any]:
    return {key: token(value, hashed=hashed) for key, value in mapping.items() if key not in without}


def token(value: Any, *, deep: int = 0, hashed: bool = True) -> Any:
    """Something to compare a value by: plain values themselves, tensors by their numbers, objects by identity.

    Args:
        deep: how many levels of containers are looked into.
        hashed: whether the numbers of tensors are read; otherwise only whether they were written to.
    """
    if value is None or isinstance(value, (bool, int, str, bytes)):
        return value
    if isinstance(value, (float, complex, torch.dtype, torch.device)):
        return repr(value)  # NaN equals itself here
    if isinstance(value, Tensor):
        return (id(value) if not deep else 0, _place(value), values(value) if hashed else None)
    if isinstance(value, np.ndarray):
        return _hash(np.ascontiguousarray(value).view(np.uint8)) if hashed and not value.dtype.hasobject else id(value)
    if deep and isinstance(value, (dict, list, tuple, deque)) and len(value) > LONG:
        return len(value), hash(tuple(map(id, value))), hash(tuple(map(id, value.values()))) if isinstance(value, dict) else 0
    if deep and isinstance(value, dict):
        return [(_key(k), token(v, deep=deep - 1, hashed=hashed)) for k, v in value.items()]
    if deep and isinstance(value, (list, tuple, deque)):
        if PLAIN.issuperset(map(type, value)):  # the 625 numbers of a random state need no token each
            return list(value)
        return [token(item, deep=deep - 1, hashed=hashed) for item in value]
    if deep and isinstance(value, set):
        return {id(item) for item in value}
    return id(value)


def _key(key: Any) -> Any:
    return key if isinstance(key, (str, int, float)) else id(key)


def _place(tensor: Tensor) -> tuple[Any, ...]:
    """Where a tensor lies, how it is cut, and how often it was written to."""
    version = 0 if tensor.is_inference() else tensor._version
    try:
        return tensor.data_ptr(), tuple(tensor.shape), str(tensor.dtype), version
    except RuntimeError:  # sparse, or without memory of its own
        return 0, tuple(tensor.shape), str(tensor.dtype), version


def values(tensor: Tensor) -> Any:
    """A hash of the numbers; of a tensor without numbers (meta), or of a kind unknown to us, only its shape."""
    try:
        return _values(tensor.detach())
    except (RuntimeError, TypeError, NotImplementedError):
        return tuple(tensor.shape)


def _values(tensor: Tensor) -> Any:
    if tensor.is_meta:
        return tuple(tensor.shape)
    if tensor.layout == torch.sparse_coo:
        return values(tensor._indices()), values(tensor._values())
    if tensor.layout != torch.strided:
        return tuple(values(part) for part in _compressed(tensor))
    if tensor.is_quantized:
        return values(tensor.int_repr())
    if hasattr(tensor, "__tensor_flatten__"):
        return tuple(values(getattr(tensor, name)) for name in tensor.__tensor_flatten__()[0])
    as_stored = tuple(sorted(range(tensor.ndim), key=tensor.stride, reverse=True))  # channels_last is read without a copy
    flat = tensor.resolve_conj().resolve_neg().permute(as_stored).contiguous().reshape(-1).view(torch.uint8)
    if flat.device.type == "cpu" and flat.numel() <= SMALL:
        return as_stored, _hash(flat.numpy())
    return as_stored, checksum(flat)


def _compressed(tensor: Tensor) -> tuple[Tensor, ...]:
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return tensor.crow_indices(), tensor.col_indices(), tensor.values()
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return tensor.ccol_indices(), tensor.row_indices(), tensor.values()
    return (tensor.to_dense(),)


def checksum(flat: Tensor) -> bytes:
    """Hash of the exact sums of all rows and all columns, the bytes read as a matrix of 64-bit integers.

    Takes one pass on the device the tensor lies on, and moves a thousandth of it. (Integer sums wrap round and do not
    depend on their order, so that they are the same on every device and each time.)

    Args:
        flat: contiguous uint8 of shape (bytes,).
    """
    if flat.storage_offset() % 8:
        flat = flat.clone()  # 64-bit reading wants an aligned start
    whole = flat.numel() // (8 * COLUMNS) * (8 * COLUMNS)
    matrix = flat[:whole].view(torch.int64).view(-1, COLUMNS)
    parts = [sums.view(torch.uint8) for sums in (matrix.sum(1), matrix.sum(0))] if whole else []
    return _hash(torch.cat([*parts, flat[whole:]]).cpu().numpy())  # one transfer


def _hash(octets: np.ndarray) -> bytes:
    return hashlib.blake2b(octets, digest_size=16).digest()
