"""The members of a batch with their name and role, and each of them taken apart until it has one entry a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, unpack_sequence

from nbdebug import batch as batches
from nbdebug.data.together import (
    PLAIN,
    are_samples,
    is_record,
    names_of,
    numbers,
    plain_of,
    row_of,
    stacked_of,
    together,
)
from nbdebug.errors import BatchError

INPUT, TARGET = "input", "target"
DTYPES = {dtype: str(dtype).removeprefix("torch.") for dtype in PLAIN}
Part = tuple[str, str, Any, str]  # name, role, values, dtype


def parts_of(batch: Any, size: int | None, model: torch.nn.Module | None, targets: tuple[str, ...]) -> tuple[list[Part], list[str]]:
    """Every part of the batch that has an entry for each sample, and in words what has none.

    Args:
        size: samples, where the loader shows its indices.
        model: tells inputs from targets, as in training; None: by name and position.
        targets: names of fields that the user calls targets.
    """
    if isinstance(batch, list) and _is_list_of_samples(batch, size):
        batch, size = together(batch), len(batch)
    found = _members(batch, model, targets)
    size = _size(found, size)
    parts, left_out = [], []
    for name, role, item in found:
        if type(item) is Tensor and item.dtype in PLAIN and not item.is_nested and item.ndim and item.shape[0] == size and (values := numbers(item)) is not None:
            parts.append((name, role, values, DTYPES[item.dtype]))  # by far the most frequent case
            continue
        for part in _taken_apart(name, role, item, size):
            if part[3] == "":
                left_out.append(f"{part[0]} has {part[2]}")
            else:
                parts.append(part)
    return parts, left_out


def _is_list_of_samples(batch: list, size: int | None) -> bool:
    grouped = batch and isinstance(batch[0], (tuple, list, Mapping)) and all(type(item) is type(batch[0]) for item in batch)
    return bool(grouped) and (len(batch) == size if size is not None else True) and are_samples(batch)


def _members(batch: Any, model: torch.nn.Module | None, targets: tuple[str, ...]) -> list[tuple[str, str, Any]]:
    if model is None:
        return _by_name(batch, targets)
    try:
        call = batches.split(batch, model)
    except BatchError:
        return _by_name(batch, targets)
    lone = len(call.args) == 1 and not call.kwargs
    named = [("inputs" if lone else f"inputs[{i}]", INPUT, item) for i, item in enumerate(call.args)]
    named += [(name, TARGET if item is call.targets else INPUT, item) for name, item in call.kwargs.items()]
    return _each_once([*named, ("targets", TARGET, call.targets), *_beside(batch, call, targets)])


def _beside(batch: Any, call: batches.ModelCall, targets: tuple[str, ...]) -> list[tuple[str, str, Any]]:
    """What only the loss gets: fields that are known for targets, or the only one that the model does not take."""
    rest = batches.beside(batch, call)
    known = {name: item for name, item in rest.items() if name in targets}
    alone = len(rest) == 1 and call.targets is None
    return [(name, TARGET, item) for name, item in (known or (rest if alone else {})).items()]


def _by_name(batch: Any, targets: tuple[str, ...]) -> list[tuple[str, str, Any]]:
    """Without a model: the last of a tuple is the target, and of named fields the one that is called so."""
    if isinstance(batch, Mapping) or is_record(batch):
        fields = dict(batch) if isinstance(batch, Mapping) else {name: getattr(batch, name) for name in names_of(batch)}
        known = next((key for key in fields if key in batches.TARGET_NAMES), None) if not targets else None
        named = [("targets" if key == known else str(key), TARGET if key == known or str(key) in targets else INPUT, item) for key, item in fields.items()]
        return _each_once(sorted(named, key=lambda member: member[1]))
    if isinstance(batch, (tuple, list)) and len(batch) > 1 and not isinstance(batch[0], (str, int, float)):
        lone = len(batch) == 2
        named = [("inputs" if lone else f"inputs[{i}]", INPUT, item) for i, item in enumerate(batch[:-1])]
        return _each_once([*named, ("targets", TARGET, batch[-1])])
    if isinstance(batch, (tuple, list)) and len(batch) == 1 and isinstance(batch[0], (Tensor, numpy.ndarray, Mapping)):
        return _by_name(batch[0], targets)
    if hasattr(batch, "y") and hasattr(batch, "to") and not isinstance(batch, Tensor):  # a graph batch
        return [("inputs", INPUT, getattr(batch, "x", None)), ("targets", TARGET, batch.y)]
    return [("inputs", INPUT, batch)]


def _each_once(members: list[tuple[str, str, Any]]) -> list[tuple[str, str, Any]]:
    """An autoencoder's input is an input."""
    once: dict[int, tuple[str, str, Any]] = {}
    for member in members:
        if member[2] is not None:
            once.setdefault(id(member[2]), member)
    return list(once.values())


def _size(members: list[tuple[str, str, Any]], size: int | None) -> int | None:
    """How many samples: what the loader says, if any member has as many entries; else the length that most members share."""
    lengths: Counter[int] = Counter()
    for _, role, item in members:
        weight = 2 if role == TARGET else 1
        if type(item) is Tensor and item.ndim and not item.is_nested:
            lengths[item.shape[0]] += weight
            continue
        for length in _lengths(item):
            lengths[length] += weight
    if size in lengths or not lengths:
        return size
    return max(lengths, key=lambda length: (lengths[length], length))


def _lengths(item: Any) -> Iterator[int]:
    if isinstance(item, PackedSequence):
        yield int(item.batch_sizes[0])
    elif isinstance(item, Tensor) and item.is_nested:
        yield item.size(0)
    elif isinstance(item, (Tensor, numpy.ndarray)):
        if item.ndim:
            yield len(item)
    elif isinstance(item, Mapping):
        for part in item.values():
            yield from _lengths(part)
    elif is_record(item):
        for name in names_of(item):
            yield from _lengths(getattr(item, name))
    elif isinstance(item, (tuple, list)) and item:
        inner = [length for part in item if isinstance(part, Tensor) for length in _lengths(part)]
        together_ = len(inner) == len(item) and len(set(inner)) == 1 and isinstance(item, tuple)
        yield inner[0] if together_ and inner[0] != len(item) else len(item)


def _taken_apart(name: str, role: str, item: Any, size: int | None) -> Iterator[Part]:
    if isinstance(item, Mapping):
        for key, part in item.items():
            yield from _taken_apart(f"{name}[{key!r}]", role, part, size)
    elif isinstance(item, PackedSequence):
        yield from _entries(name, role, [plain_of(sequence) for sequence in unpack_sequence(item)], size)
    elif is_record(item):
        for key in names_of(item):
            yield from _taken_apart(f"{name}.{key}", role, getattr(item, key), size)
    elif isinstance(item, Tensor):
        yield from _of_tensor(name, role, item, size)
    elif isinstance(item, numpy.ndarray):
        yield from _of_array(name, role, item, size)
    elif isinstance(item, (tuple, list)) and (len(item) != size or _share_the_size(item, size)):
        if any(isinstance(part, (Tensor, numpy.ndarray, Mapping)) for part in item):
            for position, part in enumerate(item):
                yield from _taken_apart(f"{name}[{position}]", role, part, size)
        else:
            yield name, role, f"{len(item):,} entries for {size} samples", ""
    elif isinstance(item, (tuple, list)):
        yield from _entries(name, role, list(item), size)
    elif item is not None:
        yield name, role, f"one {type(item).__name__} for the whole batch", ""


def _share_the_size(item: Any, size: int | None) -> bool:
    """Whether every part has an entry for each sample itself, as two inputs in a tuple do."""
    return all(isinstance(part, (Tensor, numpy.ndarray)) and part.ndim and len(part) == size for part in item)


def _of_tensor(name: str, role: str, item: Tensor, size: int | None) -> Iterator[Part]:
    if item.is_nested:
        yield from _entries(name, role, [plain_of(part) for part in item.unbind()], size)
    elif item.ndim == 0 or len(item) != size:
        yield name, role, f"the shape {tuple(item.shape)} for {size} samples", ""
    else:
        values = numbers(item)
        if values is None:
            yield name, role, f"a {item.layout} {item.dtype} tensor on {item.device}, which holds no numbers that could be read", ""
        else:
            yield name, role, values, str(item.dtype).removeprefix("torch.")


def _of_array(name: str, role: str, item: numpy.ndarray, size: int | None) -> Iterator[Part]:
    if item.dtype.names:
        for key in item.dtype.names:
            yield from _of_array(f"{name}[{key!r}]", role, item[key], size)
    elif item.ndim == 0 or len(item) != size:
        yield name, role, f"the shape {item.shape} for {size} samples", ""
    elif item.dtype.kind in "OUSV":
        yield from _entries(name, role, item.tolist(), size)
    else:
        yield name, role, numpy.abs(item) if item.dtype.kind == "c" else item, str(item.dtype)


def _entries(name: str, role: str, entries: list[Any], size: int | None) -> Iterator[Part]:
    """A list with one entry a sample: entries that have parts of their own are taken apart, equal arrays are stacked."""
    first = next((entry for entry in entries if entry is not None), None)
    if size is not None and len(entries) != size:
        yield name, role, f"{len(entries):,} entries for {size} samples", ""
        return
    if isinstance(first, Mapping) or is_record(first):
        yield from _taken_apart(name, role, together(entries), len(entries))
        return
    plain = [row_of(entry) for entry in entries]
    stacked = stacked_of(plain)
    if stacked is not None and stacked.dtype.kind not in "OUSV":
        yield name, role, stacked, str(stacked.dtype)
    else:
        first = next((entry for entry in plain if entry is not None), None)
        yield name, role, plain, f"{first.dtype}" if isinstance(first, numpy.ndarray) else type(first).__name__ if plain else "list"

