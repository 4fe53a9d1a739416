"""Small tensors laid end to end: looked at as one they cost one call where each would cost its own.

That is so for plain float32 on the CPU. What comes of it is a copy, which can as well be looked at later.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from nbdebug.instruments.watch.numbers.values import SAMPLE, places

SMALL = 2**14  # elements of a tensor that is laid beside others; our choice: of a larger one the copy costs more than the call
_laid_end_to_end = torch._C._nn.flatten_dense_tensors


class Samples:
    """The samples of many tensors of which each has its row."""

    __slots__ = ("lengths", "rows", "values")

    def __init__(self, rows: tuple[int, ...], lengths: tuple[int, ...], values: np.ndarray) -> None:
        self.rows, self.lengths, self.values = rows, lengths, values


class Layout:
    """Where each of some tensors lies among all."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers, self.ends = tuple(numbers), list(accumulate(numbers))
        found = [places(number, SAMPLE) for number in numbers]
        self.lengths = tuple([len(where) for where in found])
        self.stops = list(accumulate(self.lengths))  # where the sample of each ends
        self.total = self.ends[-1]
        self.index = torch.cat([where + (end - number) for where, end, number in zip(found, self.ends, numbers, strict=True)])

    def laid(self, tensors: list[Tensor]) -> Tensor | None:
        """All elements end to end; None when the tensors are not what they were."""
        if not tensors[0].is_cpu or self.numbers != tuple(map(Tensor.numel, tensors)):
            return None
        try:
            flat = _laid_end_to_end(tensors)
        except RuntimeError:  # sparse, on several devices
            return None
        return flat if flat.dtype is torch.float32 and flat.is_cpu else None

    def sampled(self, flat: Tensor) -> np.ndarray:
        return flat.take(self.index).numpy()


class Laid(NamedTuple):
    """A copy of some tensors, end to end."""

    rows: tuple[int, ...]
    layout: Layout
    flat: Tensor
    units: Sequence[tuple[int, Any, int, torch.Size]] = ()  # which of them are outputs whose units are to be looked at, what does that, step, shape
    felt: Sequence[tuple[int, Any, int]] = ()  # which of them are gradients, what is to be told whether they are all zero, step

    @property
    def samples(self) -> int:
        return self.layout.stops[-1]

    @property
    def elements(self) -> int:
        return self.layout.total

    def part(self, at: int) -> Tensor:
        end = self.layout.ends[at]
        return self.flat[end - self.layout.numbers[at] : end]


@functools.lru_cache(maxsize=64)
def layout_of(numbers: tuple[int, ...]) -> Layout:
    """Of tensors with so many elements."""
    return Layout(numbers)
