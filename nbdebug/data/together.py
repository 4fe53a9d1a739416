"""Samples laid together into a batch, without torch's demand that they be equal: what does not stack stays a list."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug.batch import TARGET_NAMES

LOOKED_AT = 8  # items of a list, to tell samples from batches


def together(samples: Sequence[Any]) -> Any:
    """One batch of these samples: tuples by position, mappings by key; equal arrays and numbers stacked, all else as a list."""
    first = next((sample for sample in samples if sample is not None), None)
    if isinstance(first, Mapping) and all(isinstance(s, Mapping) or s is None for s in samples):
        keys = dict.fromkeys(key for sample in samples if sample is not None for key in sample)
        return {key: _laid([None if sample is None else sample.get(key) for sample in samples]) for key in keys}
    if is_record(first):
        return {name: _laid([getattr(sample, name, None) for sample in samples]) for name in names_of(first)}
    grouped = isinstance(first, (tuple, list)) and first and not isinstance(first[0], (int, float))
    if grouped and all(isinstance(s, (tuple, list)) and len(s) == len(first) for s in samples):
        return tuple(_laid(list(members)) for members in zip(*samples, strict=True))
    return _laid(list(samples))


def _laid(members: list[Any]) -> Any:
    first = next((member for member in members if member is not None), None)
    if isinstance(first, Mapping) or is_record(first):
        return together(members)
    plain = [row_of(member) for member in members]
    stacked = stacked_of(plain)
    if stacked is None:
        return plain
    return torch.from_numpy(stacked) if stacked.dtype.kind in "fiub" and stacked.dtype.str[1:] not in ("u2", "u4", "u8", "f16") else stacked


def stacked_of(members: list[Any]) -> numpy.ndarray | None:
    """(n, …) of arrays of one shape and kind, or of plain numbers; None where they differ."""
    first = members[0] if members else None
    if isinstance(first, numpy.ndarray):
        like = all(isinstance(m, numpy.ndarray) and m.shape == first.shape and m.dtype == first.dtype for m in members)
        return numpy.stack(members) if like else None
    for kind in (bool, int, float):
        if isinstance(first, kind) and all(type(member) is kind for member in members):
            try:
                return numpy.asarray(members)
            except OverflowError:
                return None
    if isinstance(first, numpy.generic) and all(type(member) is type(first) for member in members):
        return numpy.asarray(members)
    return None


def row_of(value: Any) -> Any:
    """A list of numbers as an array; what is no row of equal entries as `plain_of` has it."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(v, (int, float, list, tuple, Tensor)) for v in value):
        try:
            return numpy.asarray([plain_of(v) for v in value])
        except (ValueError, OverflowError):
            return value
    return plain_of(value)


def plain_of(value: Any) -> Any:
    """A tensor or a PIL image as an array; everything else as it is."""
    if isinstance(value, Tensor):
        found = numbers(value)
        return found if found is not None and found.ndim else value.item() if value.numel() == 1 else None
    if type(value).__module__.startswith("PIL.") and hasattr(value, "getbands"):
        return numpy.asarray(value)
    return value


DENSE_LIMIT = 10_000_000  # elements; a sparse tensor larger than this is not spread out


PLAIN = frozenset((torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool, torch.float16, torch.int16, torch.int8))


def numbers(tensor: Tensor) -> numpy.ndarray | None:
    """The values on the CPU, of a dtype that NumPy has; None where that is not possible."""
    tensor = tensor.detach() if tensor.requires_grad else tensor
    if tensor.dtype in PLAIN and tensor.layout is torch.strided and tensor.is_cpu and not tensor.is_nested:
        return tensor.numpy()
    if tensor.is_nested or tensor.is_quantized or tensor.device.type == "meta":
        return None
    if tensor.layout is not torch.strided:
        if tensor.numel() > DENSE_LIMIT:
            return None
        tensor = tensor.to_dense()
    if tensor.device.type != "cpu":
        tensor = tensor.cpu()
    if tensor.is_complex():
        tensor = tensor.abs()  # not finite exactly where the value is not
    return (tensor.float() if tensor.dtype is torch.bfloat16 or tensor.dtype.itemsize == 1 and tensor.is_floating_point() else tensor).numpy()


def are_samples(items: Sequence[Any]) -> bool:
    """Whether these are single samples rather than batches. A list of batches is what loaders give, so in doubt it is that."""
    looked = [item for item in items[:LOOKED_AT] if item is not None]
    return bool(looked) and not all(_is_batch(item) for item in looked)


def _is_batch(item: Any) -> bool:
    if isinstance(item, (str, bytes, int, float, numpy.generic)) or type(item).__module__.startswith("PIL."):
        return False
    if isinstance(item, (Tensor, numpy.ndarray)):
        return item.ndim >= 2 and not _is_picture(item)
    members = _members(item)
    if members is None:
        return True  # an object of its own kind: what it holds is not ours to guess
    if not members:
        return False
    target = members[-1][1]
    if isinstance(item, Mapping) or is_record(item):
        target = next((value for name, value in members if name in TARGET_NAMES), target)
    if _is_single(target):
        return False
    lengths = {len(value) for _, value in members if _is_long(value) and value is not target}
    if isinstance(target, Mapping):  # of a detector: several boxes a sample
        return all(_is_long(value) and len(value) in lengths for value in target.values())
    if not _is_long(target):
        return True
    if isinstance(item, list) and all(isinstance(value, (int, float, str)) for _, value in members):
        return all(isinstance(value, str) for _, value in members)  # a batch of texts, a row of numbers
    return not lengths or len(target) in lengths


def _members(item: Any) -> list[tuple[str, Any]] | None:
    if isinstance(item, Mapping):
        return [(str(key), value) for key, value in item.items()]
    if is_record(item):
        return [(name, getattr(item, name)) for name in names_of(item)]
    if isinstance(item, (tuple, list)):
        return [(str(position), value) for position, value in enumerate(item)]
    return None


def _is_single(value: Any) -> bool:
    return isinstance(value, (str, int, float, numpy.generic)) or (isinstance(value, (Tensor, numpy.ndarray)) and value.ndim == 0)


def _is_long(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, (Tensor, numpy.ndarray)) and value.ndim > 0)


def _is_picture(value: Any) -> bool:
    return isinstance(value, numpy.ndarray) and value.dtype == numpy.uint8 and value.ndim == 3 and value.shape[-1] in (1, 3, 4)


def is_record(value: Any) -> bool:
    """Whether this is a named tuple or a dataclass."""
    named = isinstance(value, tuple) and hasattr(value, "_fields")
    return named or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def names_of(record: Any) -> list[str]:
    """Names of the fields of a named tuple or dataclass."""
    return list(record._fields) if hasattr(record, "_fields") else [field.name for field in dataclasses.fields(record)]
