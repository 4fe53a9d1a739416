"""What the graph saved for backward: whether it is still what it was when backward reads it.

While this looks, torch's own check of versions is off; so it is asked only after a pass that went through without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from nbdebug.instruments.gradcheck.calls import address_of
from nbdebug.instruments.gradcheck.held import Record
from nbdebug.source_lines import SourceLine, users_line


@dataclass(frozen=True)
class Damage:
    """A saved tensor that was written to, unseen by autograd."""

    saved_at: SourceLine | None  # where it was saved: the operation whose gradient is wrong now
    written_at: SourceLine | None  # where it was written to, when that could be seen
    shape: tuple[int, ...]


class Saved:
    """Compares what is saved with what is left of it when the forward is over; use as a context around the forward.

    Args:
        keep: whether backward gets the tensors as they were saved, whatever was written to them since.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.damages: list[Damage] = []
        self._packed: list[tuple[Tensor, Tensor, SourceLine | None]] = []

    def __enter__(self) -> Saved:
        self._hooks = saved_tensors_hooks(self._pack, lambda packed: packed)
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._hooks.__exit__(*error)

    def look(self, record: Record, apart_from: Iterable[Tensor] = ()) -> None:
        """Finds the damages, once the forward is over; forgets the tensors."""
        known = {address_of(tensor) for tensor in apart_from}
        for tensor, copy, line in self._packed:
            if not _equal(tensor, copy) and address_of(tensor) not in known:
                place = tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided else 0
                self.damages.append(Damage(line, record.written.get(place), tuple(tensor.shape)))
        self._packed.clear()

    def _pack(self, tensor: Tensor) -> Tensor:
        copy = tensor.detach().clone()
        if tensor.layout == torch.strided and not tensor.is_meta:
            self._packed.append((tensor.detach(), copy, users_line(depth=2)))
        return copy if self.keep else tensor


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.is_floating_point() or one.is_complex():
        return torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))
    return torch.equal(one, other)
