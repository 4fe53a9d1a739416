"""The small parameters of an optimizer, looked at as one.

Where anything about one of them is unusual, nothing is concluded here, and each is looked at by itself.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from nbdebug.instruments.watch.numbers.laid import SMALL, Laid, Layout, Samples, layout_of
from nbdebug.instruments.watch.numbers.multiplied import LOOKS, multiplied
from nbdebug.instruments.watch.numbers.values import PLAIN

FEWEST = 2  # parameters that are small


class Together:
    """The small parameters of an optimizer.

    Args:
        members: name of the group, rows and parameter of each that is small.
    """

    def __init__(self, members: Iterable[tuple[str, Any, Tensor]]) -> None:
        groups, self.rows, parameters = map(list, zip(*members, strict=True))
        self.groups: list[str] = groups
        self.numbers = [parameter.numel() for parameter in parameters]
        self._whole = layout_of(tuple(self.numbers))
        self._of = _Gradients(self, list(range(len(parameters))), self._whole)  # those that had one
        self.weights = tuple(rows.weight for rows in self.rows)
        self.updates = tuple(rows.update for rows in self.rows)
        self.samples = self._whole.stops[-1]
        self.noted = -2  # step at which they were looked at last
        self.matrices = [at for at, parameter in enumerate(parameters) if parameter.dim() > 1]
        self._after: np.ndarray | None = None  # samples that such a step left
        self._step = -2  # which that was

    def laid(self, parameters: list[Tensor]) -> Tensor | None:
        """A copy of all weights, end to end."""
        return self._whole.laid(parameters)

    def gradients_of(self, parameters: list[Tensor]) -> tuple[Laid | None, dict[str, float]] | None:
        """A copy of those that are there, and their norm in each group; None when some are not finite."""
        gradients = [parameter.grad for parameter in parameters]
        there = [at for at, gradient in enumerate(gradients) if gradient is not None]
        if not there:
            return None, {}
        if there != self._of.there:
            self._of = _Gradients(self, there, layout_of(tuple([self.numbers[at] for at in there])))
        of, gradients = self._of, gradients if len(there) == len(gradients) else [gradients[at] for at in there]
        if not PLAIN.issuperset(map(type, gradients)) or (flat := of.layout.laid(gradients)) is None:
            return None
        norms = self._norms(flat, there, of.layout)
        return (Laid(of.rows, of.layout, flat), norms) if all(map(math.isfinite, norms.values())) else None

    def _norms(self, flat: Tensor, there: list[int], layout: Layout) -> dict[str, float]:
        if self.groups[there[0]] == self.groups[there[-1]]:  # they come group by group
            return {self.groups[there[0]]: torch.linalg.vector_norm(flat).item()}
        starts: dict[str, int] = {}
        ends: dict[str, int] = {}
        for at, end in zip(there, layout.ends, strict=True):
            starts.setdefault(self.groups[at], end - self.numbers[at])
            ends[self.groups[at]] = end
        return {group: torch.linalg.vector_norm(flat[start : ends[group]]).item() for group, start in starts.items()}

    def parts(self, flat: Tensor) -> list[Tensor]:
        """The samples of each."""
        return self._parts(self._whole.sampled(flat))

    def moved(self, before: Tensor, after: Tensor, step: int) -> tuple[Samples, Samples]:
        """Samples of the weights, and of what they differ by from those before the step."""
        then, now = self._whole.sampled(before), self._whole.sampled(after)
        self._compare(then, step)
        self._after, self._step = now, step
        with np.errstate(invalid="ignore"):  # Inf less Inf
            update = now - then
        return Samples(self.weights, self._whole.lengths, now), Samples(self.updates, self._whole.lengths, update)

    def weights_in(self, flat: Tensor) -> Laid:
        return Laid(self.weights, self._whole, flat)

    def updates_in(self, flat: Tensor) -> Laid:
        return Laid(self.updates, self._whole, flat)

    def _parts(self, samples: np.ndarray) -> list[Tensor]:
        return list(torch.from_numpy(samples).split(list(self._whole.lengths)))

    def _compare(self, before: np.ndarray, step: int) -> None:
        """Whether weights were multiplied since the step before."""
        if self._after is None or self._step != step - 1:
            return
        matrices = [at for at in self.matrices if self.rows[at].looks < LOOKS]
        for at in matrices:
            self.rows[at].looks += 1
        if matrices and not np.array_equal(before, self._after):
            then, now = self._parts(self._after), self._parts(before)
            for at in matrices:
                if (factor := multiplied(then[at], now[at])) is not None:
                    self.rows[at].scaled.append(factor)


class Moved(NamedTuple):
    """Copies of small weights before and after a step, end to end."""

    of: Together
    before: Tensor
    after: Tensor
    step: int

    @property
    def samples(self) -> int:
        return 2 * self.of.samples

    @property
    def elements(self) -> int:
        return 2 * self.after.numel()


class _Gradients:
    """Which of the parameters had gradients, and where these are noted."""

    def __init__(self, of: Together, there: list[int], layout: Layout) -> None:
        self.there, self.layout = there, layout
        self.rows = tuple([of.rows[at].gradient for at in there])


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
