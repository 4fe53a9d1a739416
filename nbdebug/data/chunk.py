"""A batch by its parts: named fields with their role, each as NumPy values or a plain list, one entry a sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.errors import BatchError
from nbdebug.loading import Delivered

INPUT, TARGET = "input", "target"
DENSE_LIMIT = 10_000_000  # elements; a sparse tensor larger than this is not spread out

Values = numpy.ndarray | list


@dataclass(frozen=True)
class Field:
    """One part of a batch."""

    name: str  # "inputs", "inputs[1]", "input_ids", "targets", "age"; the names that findings say
    role: str  # "input" or "target"
    values: Values  # (n, …), or a list of n texts, arrays of their own shape, dicts, None
    dtype: str  # as delivered: "float32", "uint8", "str", "object"
    names: tuple[str, ...] = ()  # of the columns, where the data names them; else ()


@dataclass(frozen=True)
class Rows:
    """A batch that comes by its parts already, as those of a table do."""

    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Chunk:
    """The samples of one batch."""

    number: int  # of the batch, 0-based
    ids: numpy.ndarray  # (n,) int64: dataset indices where the loader shows them, else running numbers
    by_index: bool  # whether `ids` are dataset indices
    fields: tuple[Field, ...]

    @property
    def size(self) -> int:
        """Samples in it."""
        return len(self.ids)


def chunk_of(one: Delivered, seen: int, model: torch.nn.Module | None, targets: tuple[str, ...] = ()) -> Chunk:
    """The batch by its parts.

    Args:
        seen: samples that were delivered before it.
        model: tells inputs from targets, as in training; None: by position and name.
        targets: names of fields that the user calls targets.
    """
    fields = tuple(_named_by(targets, field) for field in _fields(one.batch, model))
    size = len(one.indices) if one.indices is not None else max((len(field.values) for field in fields), default=0)
    by_index = one.indices is not None and all(isinstance(i, int) for i in one.indices)
    ids = numpy.asarray(one.indices if by_index else range(seen, seen + size), dtype=numpy.int64)
    return Chunk(one.number, ids, by_index, tuple(f for f in fields if len(f.values) == size))


def _fields(batch: Any, model: torch.nn.Module | None) -> Iterator[Field]:
    if isinstance(batch, Rows):
        yield from batch.fields
        return
    try:
        call = batches.split(batch, model if model is not None else torch.nn.Identity())
    except BatchError:
        yield from _leaves("batch", INPUT, batch)
        return
    seen: set[int] = set()
    lone = len(call.args) == 1 and not call.kwargs
    named = [("inputs" if lone else f"inputs[{i}]", INPUT, item) for i, item in enumerate(call.args)]
    named += [(name, INPUT, item) for name, item in call.kwargs.items()]
    for name, role, item in [*named, ("targets", TARGET, call.targets)]:
        if item is not None and id(item) not in seen:  # an autoencoder's input is an input
            seen.add(id(item))
            yield from _leaves(name, role, item)


def _leaves(name: str, role: str, item: Any) -> Iterator[Field]:
    if isinstance(item, dict):
        for key, part in item.items():
            yield from _leaves(f"{name}[{key!r}]", role, part)
    elif isinstance(item, tuple):
        for position, part in enumerate(item):
            yield from _leaves(f"{name}[{position}]", role, part)
    elif isinstance(item, Tensor):
        values = numbers(item)
        if values is not None and values.ndim:
            yield Field(name, role, values, str(item.dtype).removeprefix("torch."))
    elif isinstance(item, numpy.ndarray) and item.ndim:
        yield Field(name, role, item, str(item.dtype))
    elif isinstance(item, list):
        plain = [numbers(part) if isinstance(part, Tensor) else part for part in item]
        yield Field(name, role, plain, type(item[0]).__name__ if item else "list")


def numbers(tensor: Tensor) -> numpy.ndarray | None:
    """The values on the CPU, of a dtype that NumPy has; None where that is not possible."""
    tensor = tensor.detach()
    if tensor.is_nested or tensor.is_quantized or tensor.device.type == "meta":
        return None
    if tensor.layout is not torch.strided:
        if tensor.numel() > DENSE_LIMIT:
            return None
        tensor = tensor.to_dense()
    tensor = tensor.cpu()
    if tensor.is_complex():
        tensor = tensor.abs()  # not finite exactly where the value is not
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()


def _named_by(targets: tuple[str, ...], field: Field) -> Field:
    role = TARGET if field.name in targets else field.role
    return field if role == field.role else replace(field, role=role)
