"""One operator that ran: its arguments as they were before it, the bad ones among them, and the operator once more with others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from nbdebug.nonfinite.trace.marks import Label
from nbdebug.nonfinite.trace.operators import Given, Operator, outputs, replaced
from nbdebug.nonfinite.values import exchanged

SOUND = 0.5  # a number in the domain of log, sqrt, acos, atanh, logit and of every division
Exchange = dict[tuple[int | str, int | None], Any]  # (argument, its place in a list of tensors) → what takes its place


@dataclass
class Ran:
    """An operator that ran, with its arguments as they were before it."""

    op: Operator
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    given: list[Given]

    def again(self, new: Exchange, **kwargs: Any) -> list[Tensor]:
        """What comes out with some arguments exchanged; in the order of `results`. Draws no random number for good."""
        for key in self.op.writes:  # written to once more, so each time into a copy
            old = self._argument(key)
            if isinstance(old, Tensor):
                new = {**new, (key, None): new.get((key, None), old).clone()}
        args, named = replaced(self.args, {**self.kwargs, **kwargs}, new)
        with _random_kept(self.given) if self.op.seeded else contextlib.nullcontext():
            return results(self.op, self.op.func(*args, **named), args, named)

    def _argument(self, key: int | str) -> Any:
        if isinstance(key, int):
            return self.args[key] if key < len(self.args) else None
        return self.kwargs.get(key)

    @property
    def repeatable(self) -> bool:
        """Not what speaks to other processes."""
        return not self.op.func.namespace.lstrip("_").startswith("c10d") and not self.op.foreach


def results(op: Operator, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """All that an operator gave or wrote to, each once."""
    found = outputs(out)
    for key in op.writes:
        value = kwargs.get(key) if isinstance(key, str) else args[key] if key < len(args) else None
        for tensor in outputs(value):
            if not any(tensor is known for known in found):
                found.append(tensor)
    return found


@dataclass
class Bad:
    """An input that holds something bad."""

    given: Given
    places: Tensor  # bool
    label: Label

    @property
    def key(self) -> tuple[int | str, int | None]:
        return self.given.key, self.given.at

    @cached_property
    def births(self) -> Tensor:
        """For each element its birth, 0 where it is finite."""
        return self.places.to(torch.int32) * self.label

    def repaired(self, where: Tensor) -> Tensor:
        return exchanged(self.given.tensor, where, SOUND)

    @cached_property
    def nan(self) -> Tensor:
        return self.given.tensor.isnan()

    @cached_property
    def infinite(self) -> Tensor:
        return self.places & ~self.nan


@contextlib.contextmanager
def _random_kept(given: list[Given]) -> Iterator[None]:
    devices = {g.tensor.device.index for g in given if g.tensor.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(d for d in devices if d is not None)):
        yield
