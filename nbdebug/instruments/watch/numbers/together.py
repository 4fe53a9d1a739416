"""Small tensors, looked at as one: laid end to end they cost one call where each would cost its own.

That is so for plain float32 on the CPU. Where one of them is not finite, or anything else is unusual, nothing is concluded here,
and each is looked at by itself.
"""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbdebug.instruments.watch.numbers.values import PLAIN, SAMPLE, places

SMALL = 2**14  # elements of a parameter that is laid beside others; our choice: of a larger one the copy costs more than the call
FEWEST = 2  # of them
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
        try:
            flat = _laid_end_to_end(tensors)
        except RuntimeError:  # sparse, on several devices
            return None
        return flat if flat.dtype is torch.float32 and flat.is_cpu and flat.numel() == self.total else None

    def sampled(self, flat: Tensor) -> np.ndarray:
        return flat.take(self.index).numpy()


@functools.lru_cache(maxsize=64)
def layout_of(numbers: tuple[int, ...]) -> Layout:
    """Of tensors with so many elements."""
    return Layout(numbers)


class Together:
    """The small parameters of an optimizer.

    Args:
        members: name of the group, rows and parameter of each that is small.
    """

    def __init__(self, members: Iterable[tuple[str, Any, Tensor]]) -> None:
        groups, self.rows, parameters = map(list, zip(*members, strict=True))
        self.groups: list[str] = groups
        self._numbers = [parameter.numel() for parameter in parameters]
        self._whole = layout_of(tuple(self._numbers))
        self._of = _Gradients(self, list(range(len(parameters))), self._whole)  # those that had one
        self.weights = tuple(rows.weight for rows in self.rows)
        self.updates = tuple(rows.update for rows in self.rows)
        self.elements = dict(zip((*self.weights, *self.updates), (*self._numbers, *self._numbers), strict=True))
        self.after: np.ndarray | None = None  # what the last step that was looked at left
        self.step = -2  # when that was
        self.before = np.empty(0, np.float32)  # of the step that is looked at
        self.matrices = [at for at, parameter in enumerate(parameters) if parameter.dim() > 1]

    def weights_of(self, parameters: list[Tensor]) -> np.ndarray | None:
        """The sample of all weights; None when some are not finite."""
        flat = self._whole.laid(parameters)
        return self._whole.sampled(flat) if flat is not None and math.isfinite(flat.sum().item()) else None

    def gradients_of(self, parameters: list[Tensor]) -> tuple[Samples, dict[int, int], dict[str, float]] | None:
        """The sample of those that are there, row → elements, and their norm in each group; None when some are not finite."""
        gradients = [parameter.grad for parameter in parameters]
        there = [at for at, gradient in enumerate(gradients) if gradient is not None]
        if not there:
            return Samples((), (), np.empty(0, np.float32)), {}, {}
        if there != self._of.there:
            self._of = _Gradients(self, there, layout_of(tuple([self._numbers[at] for at in there])))
        of, gradients = self._of, gradients if len(there) == len(gradients) else [gradients[at] for at in there]
        if not PLAIN.issuperset(map(type, gradients)) or (flat := of.layout.laid(gradients)) is None:
            return None
        norms = self._norms(flat, there, of.layout)
        if not all(map(math.isfinite, norms.values())):
            return None
        return Samples(of.rows, of.layout.lengths, of.layout.sampled(flat)), of.numbers, norms

    def _norms(self, flat: Tensor, there: list[int], layout: Layout) -> dict[str, float]:
        if self.groups[there[0]] == self.groups[there[-1]]:  # they come group by group
            return {self.groups[there[0]]: torch.linalg.vector_norm(flat).item()}
        starts: dict[str, int] = {}
        ends: dict[str, int] = {}
        for at, end in zip(there, layout.ends, strict=True):
            starts.setdefault(self.groups[at], end - self._numbers[at])
            ends[self.groups[at]] = end
        return {group: torch.linalg.vector_norm(flat[start : ends[group]]).item() for group, start in starts.items()}

    def parts(self, samples: np.ndarray) -> list[Tensor]:
        """The samples of each, as tensors."""
        return list(torch.from_numpy(samples).split(list(self._whole.lengths)))

    def taken(self, samples: np.ndarray, rows: tuple[int, ...]) -> Samples:
        return Samples(rows, self._whole.lengths, samples)


class _Gradients:
    """Which of the parameters had gradients, and where these are noted."""

    def __init__(self, of: Together, there: list[int], layout: Layout) -> None:
        self.there, self.layout = there, layout
        self.numbers = {of.rows[at].gradient: of._numbers[at] for at in there}  # row → elements
        self.rows = tuple(self.numbers)


class Parted:
    """The parameters of an optimizer: the small ones, and the others.

    Args:
        members: name of the group, rows and parameter of each.
    """

    def __init__(self, members: list[tuple[str, Any, Tensor]]) -> None:
        self._ids = [id(parameter) for *_, parameter in members]
        self._alive = [weakref.ref(parameter) for *_, parameter in members]
        self._known = [(group, rows) for group, rows, _ in members]
        self.small = [at for at, (*_, parameter) in enumerate(members) if is_small(parameter)]
        if len(self.small) < FEWEST or len(set(self._ids)) < len(self._ids):
            self.small = []
        self._others = sorted(set(range(len(members))) - set(self.small))
        self.together = Together([members[at] for at in self.small]) if self.small else None

    def holds(self, parameters: list[Tensor]) -> bool:
        """Whether these are still the parameters."""
        return self._ids == list(map(id, parameters)) and self.lives()

    def lives(self) -> bool:
        """Whether they all still exist."""
        return all([held() is not None for held in self._alive])

    def all_of(self, parameters: list[Tensor]) -> list[tuple[str, Any, Tensor]]:
        return [(*known, parameter) for known, parameter in zip(self._known, parameters, strict=True)]

    def others_of(self, parameters: list[Tensor]) -> list[tuple[str, Any, Tensor]]:
        return [(*self._known[at], parameters[at]) for at in self._others]


def is_small(tensor: Tensor | None) -> bool:
    """Whether it may be laid beside others."""
    return (
        tensor.__class__ in PLAIN and 0 < tensor.numel() <= SMALL and tensor.dtype is torch.float32 and tensor.layout is torch.strided
        and tensor.is_cpu and not tensor.is_nested and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    )  # fmt: skip
