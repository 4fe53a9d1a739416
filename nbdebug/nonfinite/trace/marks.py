"""From which birth each bad number comes: a mark on the memory that holds it.

Memory, not tensors: views, slices and operations in place then need no care. One number marks a whole piece of memory as long as all that
is bad in it comes from one birth; only where two births meet in one piece does it take a number for each element. What is finite has no
mark that counts, so nothing needs to be taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from nbdebug.nonfinite.values import bad_places, chosen, stored

Label = int | Tensor  # one birth, or for each element its own (int32, 0 where it is finite)


@dataclass
class Mark:
    memory: StorageWeakRef  # while it is held, no other memory can have the same address for a name
    itemsize: int  # bytes
    birth: int  # of all that is bad here, except where `births` says otherwise
    births: Tensor | None  # int32, for each element from `start` on
    start: int  # elements
    event: Any  # the operator that wrote here last

    def part(self, values: Tensor) -> Tensor:
        """The births of these elements, as a view that may be written to."""
        first, last = _span(values)
        if self.births is None:
            self.births, self.start = values.new_full((last - first,), self.birth, dtype=torch.int32), first
        end = self.start + len(self.births)
        if first < self.start or last > end:  # only what was ever bad is held: the memory may be a whole dataset
            before, after = max(0, self.start - first), max(0, last - end)
            self.births = torch.nn.functional.pad(self.births, (before, after), value=self.birth)
            self.start -= before
        return torch.as_strided(self.births, values.shape, values.stride(), values.storage_offset() - self.start)


class Marks:
    def __init__(self) -> None:
        self._marks: dict[int, Mark] = {}
        self._sweep_at = 256

    def find(self, tensor: Tensor) -> Mark | None:
        values = stored(tensor)
        return None if values is None else self._marks.get(values.untyped_storage()._cdata)

    def label(self, tensor: Tensor) -> Label:
        """The births of what is bad in this tensor; 0 when nobody knows."""
        values, mark = stored(tensor), self.find(tensor)
        if mark is None or values is None:
            return 0
        if mark.births is None:
            return mark.birth
        if values.element_size() != mark.itemsize:  # the same memory read as another type
            return first_of(mark.births)
        return one_if_same(mark.part(values), bad_places(values))

    def put(self, tensor: Tensor, label: Label, bad: Tensor, event: Any) -> None:
        """Marks what is bad in this tensor, and leaves alone what lies beside it in the same memory."""
        values = stored(tensor)
        if values is None:
            return
        memory, size = values.untyped_storage(), values.element_size()
        old = self._marks.get(memory._cdata)
        if old is None or old.itemsize != size or values.numel() * size == memory.nbytes():
            mark = Mark(old.memory if old else StorageWeakRef(memory), size, label if isinstance(label, int) else 0, None, 0, event)
        else:
            mark = old
            mark.event = event
        if not (isinstance(label, int) and mark.births is None and mark.birth == label):
            here = mark.part(values)
            here.copy_(chosen(bad, label, here))
        self._set(memory, mark)

    def _set(self, memory: Any, mark: Mark) -> None:
        self._marks[memory._cdata] = mark
        if len(self._marks) >= self._sweep_at:
            self._marks = {key: m for key, m in self._marks.items() if not m.memory.expired()}
            self._sweep_at = 2 * len(self._marks) + 256


def _span(values: Tensor) -> tuple[int, int]:
    """The first element of the memory that a tensor reaches, and the one behind the last."""
    first = values.storage_offset()
    reach = sum((n - 1) * step for n, step in zip(values.shape, values.stride(), strict=True)) if values.numel() else 0
    return first, first + reach + 1


def one_if_same(births: Tensor, bad: Tensor) -> Label:
    """One number when all that is bad has the same birth."""
    found = all_of(births, bad, most=2)
    return births if len(found) > 1 else found[0] if found else 0


def first_of(births: Tensor) -> int:
    """The earliest birth among these; 0 when there is none."""
    return next(iter(all_of(births, births > 0, most=1)), 0)


def all_of(label: Label, bad: Tensor, most: int = 64) -> list[int]:
    """The births at these places, earliest first."""
    if isinstance(label, int):
        return [label] if label else []
    if label.numel() == 0:
        return []
    found = chosen(bad, label, 0)
    least, greatest = (int(v) for v in torch.aminmax(found))
    if least == greatest:
        return [least] if least else []
    seen = torch.zeros(greatest + 1, dtype=torch.bool, device=label.device)
    seen[found.reshape(-1).long()] = True
    seen[0] = False
    return [int(v) for v in seen.nonzero()[:most, 0]]


def among(births: Tensor, these: list[int]) -> Tensor:
    """Where the birth is one of these."""
    table = torch.zeros(max(max(these), int(births.max()) if births.numel() else 0) + 1, dtype=torch.bool, device=births.device)
    table[these] = True
    return table[births.long()]
