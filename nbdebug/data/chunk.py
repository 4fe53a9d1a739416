"""A batch by its parts: named fields with their role, each as NumPy values or a plain list, one entry a sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy
import torch

from nbdebug.data.members import INPUT, TARGET, parts_of
from nbdebug.data.together import DENSE_LIMIT, numbers
from nbdebug.loading import Delivered

__all__ = ["DENSE_LIMIT", "INPUT", "TARGET", "Chunk", "Field", "Rows", "Values", "chunk_of", "numbers"]

Values = numpy.ndarray | list


@dataclass(frozen=True)
class Field:
    """One part of a batch."""

    name: str  # "inputs", "inputs[1]", "input_ids", "targets", "age"; the names that findings say
    role: str  # "input" or "target"
    values: Values  # (n, …), or a list of n texts, arrays of their own shape, dicts, None
    dtype: str  # as delivered: "float32", "uint8", "str", "object"
    names: tuple[str, ...] = ()  # of the columns, where the data names them; else ()
    dtypes: tuple[str, ...] = ()  # of the columns, where they differ
    parts: tuple[int, ...] = ()  # samples of each of the batches it was put together from; (): it is one batch
    ids: numpy.ndarray | None = None  # (n,) of the samples, as in Chunk


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
    left_out: tuple[str, ...] = ()  # what has no entry for each sample: "scale has one float for the whole batch"

    @property
    def size(self) -> int:
        """Samples in it."""
        return len(self.ids)


def chunk_of(one: Delivered, seen: int, model: torch.nn.Module | None, targets: tuple[str, ...] = (), told: tuple[str, ...] = ()) -> Chunk:
    """The batch by its parts.

    Args:
        seen: samples that were delivered before it.
        model: tells inputs from targets, as in training; None: by position and name.
        targets: names of fields that the user calls targets.
        told: names of fields that are neither: the lengths that a loss is told.
    """
    shown = len(one.indices) if one.indices is not None else None
    if isinstance(one.batch, Rows):
        fields, left_out = one.batch.fields, []
    else:
        parts, left_out = parts_of(one.batch, shown, model, targets)
        fields = tuple(Field(name, role, values, dtype) for name, role, values, dtype in parts)
    fields = tuple(field for field in fields if field.name not in told)
    size = max((len(field.values) for field in fields), default=0)
    by_index = size == shown and all(isinstance(i, (int, numpy.integer)) for i in one.indices or ())  # a collate function may add or drop samples
    ids = numpy.asarray(one.indices if by_index else numpy.arange(seen, seen + size), dtype=numpy.int64)
    if targets:
        fields = tuple(_named_by(targets, field) for field in fields)
    return Chunk(one.number, ids, by_index, fields, tuple(left_out))


def _named_by(targets: tuple[str, ...], field: Field) -> Field:
    role = TARGET if field.name in targets else INPUT if field.name != "targets" else field.role
    return field if role == field.role else replace(field, role=role)
