"""Arrays and tensors, alone, in a tuple of (inputs, targets) or by name, as batches of views into them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug.errors import SetupError

BYTES, ROWS = 8_000_000, 65_536  # of a batch
DENSE = 256_000_000  # bytes that a sparse tensor may take when it is written out
FEWEST = 16  # samples of a batch, however large they are


class Arrays:
    """Equally long arrays as an iterable of batches, in their order; `members` is a tuple of them, or a dict by name."""

    numbered = True  # the running number of a sample is its index

    def __init__(self, members: tuple[Any, ...] | dict[str, Any], about: str = "") -> None:
        self.members = members
        parts = list(members.values()) if isinstance(members, dict) else list(members)
        self.rows = len(parts[0])
        self.about = about or ", ".join(described(part) for part in parts)
        octets = sum(_bytes_of_a_row(part) for part in parts)
        self.many = max(FEWEST, min(ROWS, BYTES // max(1, octets)))

    def __len__(self) -> int:
        return -(-self.rows // self.many)

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self.rows, self.many):
            yield self._cut(slice(start, start + self.many))

    def fetch(self, index: int) -> Any:
        """One sample."""
        return self._cut(index)

    def _cut(self, rows: slice | int) -> Any:
        if isinstance(self.members, dict):
            return {name: part[rows] for name, part in self.members.items()}
        cut = tuple(part[rows] for part in self.members)
        return cut if len(cut) > 1 else cut[0]


def is_array(data: Any) -> bool:
    """Whether this is a tensor or an array with samples along its first axis."""
    return isinstance(data, (Tensor, numpy.ndarray)) and data.ndim > 0


def are_arrays(data: Any) -> bool:
    """Whether a tuple, or a list of two, or a mapping holds parts of one data set: all of one length, one entry a sample."""
    if isinstance(data, Mapping):
        parts = list(data.values())
        return bool(parts) and all(is_array(p) or isinstance(p, (list, tuple)) for p in parts) and len({len(p) for p in parts}) == 1
    if not isinstance(data, (tuple, list)) or not 1 < len(data) <= 8:
        return False
    if not all(is_array(part) or _is_series(part) or isinstance(part, list) for part in data) or len({len(part) for part in data}) != 1:
        return False
    if not any(is_array(part) or _is_series(part) for part in data):
        return isinstance(data, tuple)
    alike = len({(tuple(part.shape[1:]), str(part.dtype)) for part in data if hasattr(part, "shape")}) == 1
    return isinstance(data, tuple) or (len(data) == 2 and not alike)  # a list of equal arrays is a list of batches


def lengths_apart(data: Any) -> str | None:
    """`inputs have 1,000 rows, targets 990`, of a pair of arrays that are meant as (inputs, targets); None for everything else."""
    if not isinstance(data, (tuple, list)) or len(data) != 2 or not all(is_array(part) or _is_series(part) for part in data):
        return None
    inputs, targets = data
    batches = inputs.ndim == targets.ndim and isinstance(data, list)
    return None if len(inputs) == len(targets) or batches else f"inputs have {len(inputs):,} rows, targets {len(targets):,}"


def arrays_of(data: Any) -> tuple[Any, ...] | dict[str, Any]:
    """The parts, each with an entry a sample."""
    if isinstance(data, Mapping):
        return {str(name): _as_array(part) for name, part in data.items()}
    return tuple(_as_array(part) for part in (data if isinstance(data, (tuple, list)) else (data,)))


def described(part: Any) -> str:
    """`float32 array (1797, 64)`."""
    if isinstance(part, Tensor):
        return f"{str(part.dtype).removeprefix('torch.')} tensor {tuple(part.shape)}"
    return f"{part.dtype} array {part.shape}" if isinstance(part, numpy.ndarray) else f"{type(part).__name__} of {len(part):,}"


def _as_array(part: Any) -> Any:
    if _is_series(part):
        return part.to_numpy()
    if isinstance(part, (list, tuple)):
        kinds = {type(value) for value in part}
        return numpy.asarray(part) if kinds and kinds <= {int, float, bool} and len(kinds) == 1 else list(part)
    return _dense(part.detach()) if isinstance(part, Tensor) else part


def _dense(tensor: Tensor) -> Tensor:
    """Sparse tensors cannot be cut along their rows.

    Raises:
        SetupError: it is too large to be written out.
    """
    if tensor.is_nested or tensor.layout is torch.strided:
        return tensor
    if tensor.numel() * tensor.element_size() > DENSE:
        size = tensor.numel() * tensor.element_size() / 1e9
        raise SetupError(f"a {described(tensor)} is sparse and would take {size:.1f} GB written out: pass a part of its rows, tensor.index_select(0, rows).to_dense()")
    return tensor.to_dense()


def _is_series(part: Any) -> bool:
    return type(part).__module__.split(".")[0] == "pandas" and hasattr(part, "to_numpy") and hasattr(part, "dtype")


def _bytes_of_a_row(part: Any) -> int:
    if isinstance(part, Tensor) and (part.is_nested or part.layout is not torch.strided):
        return BYTES // 64
    return part[:1].nbytes if isinstance(part, (Tensor, numpy.ndarray)) else 1000
