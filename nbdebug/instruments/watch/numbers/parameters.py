"""Weights, gradients and updates of the parameters of an optimizer, around its step."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nbdebug.instruments.watch.numbers.histories import Histories
from nbdebug.instruments.watch.numbers.multiplied import LOOKS, multiplied
from nbdebug.instruments.watch.numbers.names import Names
from nbdebug.instruments.watch.numbers.sampler import Sampler
from nbdebug.instruments.watch.numbers.together import Moved, Parted, Together
from nbdebug.instruments.watch.numbers.values import LeftOut, plain_values, sample, to_host

NARROW = frozenset([torch.float16, torch.bfloat16])


@dataclass
class Rows:
    """Where a parameter is noted, and what it was when it was looked at last."""

    parameter: weakref.ref[Any]
    name: str
    weight: int
    gradient: int
    update: int
    version: int = -1  # of the parameter when it was finite, and had this sample
    sample: Tensor | None = None
    looks: int = 0
    step: int = -2  # at which it was looked at last
    scaled: list[float] = field(default_factory=list)  # what it was multiplied by between two steps, as far as it was


# a parameter as it was before the step: where it is noted, itself, a sample, and a copy if not all elements were finite
Before = tuple[Rows, Tensor, Tensor, Tensor | None]


# of the gradient of one parameter: optimizer, group, row, gradient, norm, scale
Norm = tuple[str, str, int, Tensor, Tensor, float]


@dataclass
class Parameters:
    """All parameters that an optimizer was seen to hold."""

    histories: Histories
    names: Names
    left_out: dict[str, str]
    updates: list[tuple[int, Tensor, Tensor]] = field(default_factory=list)  # row, samples after and before
    inherit: list[tuple[int, int]] = field(default_factory=list)  # row of an update, row of the weight with its NaN and Inf
    norms: list[Norm] = field(default_factory=list)
    scales: dict[int, float] = field(default_factory=dict)  # row of a gradient → by what it is to be divided
    step: int = -1  # that is sampled
    _rows: dict[int, Rows] = field(default_factory=dict)
    _before: dict[int, list[Before]] = field(default_factory=dict)  # by id of the optimizer
    _weights: dict[int, tuple[Together, list[Tensor], Tensor]] = field(default_factory=dict)  # the same: small weights before its step
    _parted: dict[tuple[str, int], Parted] = field(default_factory=dict)  # by name of the optimizer, and id of its first parameter
    _norms: list[tuple[str, str, float]] = field(default_factory=list)  # optimizer, group, norm of its small gradients

    def begin(self) -> None:
        self.updates, self.inherit, self.norms, self.scales, self._before = [], [], [], {}, {}
        self._norms, self._weights = [], {}

    def before_step(self, optimizer: torch.optim.Optimizer, name: str, sampler: Sampler, scale: float) -> None:
        before = self._before[id(optimizer)] = []
        gradients: list[tuple[str, Rows, Tensor]] = []
        for group, rows, parameter in self._apart(optimizer, name, sampler, scale):
            try:
                before.append(_before(rows, parameter, follows=rows.step == self.step - 1))
                rows.step = self.step
                gradient = parameter.grad
                if gradient is not None and (values := plain_values(gradient)) is not None and values.numel():
                    gradients.append((group, rows, values))
            except Exception as error:  # nothing that we do may stop the user's loop
                self.left_out.setdefault(rows.name, str(error))
        self._note_gradients(name, gradients, sampler, scale)

    def after_step(self, optimizer: torch.optim.Optimizer, sampler: Sampler) -> None:
        one_by_one = self._before.pop(id(optimizer), [])
        if (small := self._weights.pop(id(optimizer), None)) is not None:
            one_by_one += self._updated_together(*small, sampler)
        for before in one_by_one:
            try:
                self._note_update(*before, sampler)
            except Exception as error:  # nothing that we do may stop the user's loop
                self.left_out.setdefault(before[0].name, str(error))

    def read_norms(self, nonfinite: dict[int, list[int]]) -> tuple[dict[str, float], dict[str, float]]:
        """The exact norms of the gradients, of each group and of each optimizer, in one transfer."""
        groups: dict[str, float] = {}
        optimizers: dict[str, float] = {}
        for optimizer, group, norm in self._norms:
            groups[group] = math.hypot(groups.get(group, 0.0), norm)
            optimizers[optimizer] = math.hypot(optimizers.get(optimizer, 0.0), norm)
        if not self.norms:
            return groups, optimizers
        values = to_host([norm for *_, norm, _ in self.norms])
        for (optimizer, group, row, gradient, _, scale), value in zip(self.norms, values, strict=True):
            if not math.isfinite(value) and row not in nonfinite:  # only its square was too large
                value = torch.linalg.vector_norm(gradient, dtype=torch.float64).item()
            groups[group] = math.hypot(groups.get(group, 0.0), value / scale)
            optimizers[optimizer] = math.hypot(optimizers.get(optimizer, 0.0), value / scale)
        return groups, optimizers

    def scaled(self) -> dict[str, tuple[list[float], int]]:
        """Name of each weight that was multiplied by a number between steps, with these numbers, and how often that was asked."""
        return {rows.name: (list(rows.scaled), rows.looks) for rows in self._rows.values() if rows.scaled}

    def _apart(self, optimizer: torch.optim.Optimizer, name: str, sampler: Sampler, scale: float) -> list[tuple[str, Rows, Tensor]]:
        """Looks at the small parameters together; gives those that are to be looked at one by one."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        parted = self._parted.get(key := (name, id(parameters[0]) if parameters else 0))
        if parted is None or not parted.holds(parameters):
            self._parted = {other: known for other, known in self._parted.items() if known.lives()}
            parted = self._parted[key] = Parted(list(self._members(optimizer, name)))
        small = [parameters[at] for at in parted.small]
        try:
            together = parted.together if small and self._note_together(optimizer, name, parted.together, small, sampler, scale) else None
        except Exception:  # nothing that we do may stop the user's loop
            together = None
        if together is None:
            return parted.all_of(parameters)
        return parted.others_of(parameters)

    def _note_together(
        self, optimizer: torch.optim.Optimizer, name: str, together: Together, parameters: list[Tensor], sampler: Sampler, scale: float,
    ) -> bool:  # fmt: skip
        """The gradients of small parameters, and the weights before the step; False, and nothing noted, where they are not plain and finite."""
        if together.noted == self.step or (found := together.gradients_of(parameters)) is None or (before := together.laid(parameters)) is None:
            return False
        gradients, norms = found
        if gradients is not None:
            sampler.put_off.append(gradients)
            self._norms += [(name, group, norm / scale) for group, norm in norms.items()]
            if scale != 1:
                self.scales |= dict.fromkeys(gradients.rows, scale)
        together.noted = self.step
        self._weights[id(optimizer)] = together, parameters, before
        return True

    def _updated_together(self, together: Together, parameters: list[Tensor], before: Tensor, sampler: Sampler) -> list[Before]:
        """The small weights after the step; gives those that are to be looked at one by one."""
        after = together.laid(parameters)
        if after is None:
            parts = together.parts(before)
            return [(rows, parameter, part, None) for rows, parameter, part in zip(together.rows, parameters, parts, strict=True)]
        sampler.put_off.append(Moved(together, before, after, self.step))
        return []

    def _members(self, optimizer: torch.optim.Optimizer, name: str) -> Iterator[tuple[str, Rows, Tensor]]:
        """The parameters of an optimizer with the name of their group."""
        several = len(optimizer.param_groups) > 1
        for number, group in enumerate(optimizer.param_groups):
            said = f"{name}, group {number}" if several else name
            for at, parameter in enumerate(group["params"]):
                known = self._rows.get(id(parameter))
                if known is None or known.parameter() is not parameter:
                    known = self._rows[id(parameter)] = self._new_rows(parameter, f"parameter {at} of {said}")
                yield said, known, parameter

    def _new_rows(self, parameter: Tensor, otherwise: str) -> Rows:
        name = self.names.of(parameter) or otherwise
        weight, gradient, update = (self.histories.row(name, what) for what in ("weight", "gradient", "update"))
        return Rows(weakref.ref(parameter), name, weight, gradient, update)

    def _note_gradients(self, name: str, gradients: list[tuple[str, Rows, Tensor]], sampler: Sampler, scale: float) -> None:
        for (group, rows, gradient), norm in zip(gradients, _norms([g for *_, g in gradients]), strict=True):
            sampler.look(rows.gradient, gradient, norm)
            self.norms.append((name, group, rows.gradient, gradient, norm, scale))
            if scale != 1:
                self.scales[rows.gradient] = scale

    def _note_update(self, rows: Rows, parameter: Tensor, before: Tensor, whole: Tensor | None, sampler: Sampler) -> None:
        values = plain_values(parameter)
        if values is None or not values.numel():
            return
        finite = sampler.look(rows.weight, values, values.sum(dtype=torch.float32 if values.dtype is torch.float16 else None))
        after = sampler.pieces[-1][1]
        self.updates.append((rows.update, after, before))
        sampler.elements[rows.update] = values.numel()
        if whole is not None:
            sampler.count(rows.update, values - whole)
        else:  # from finite weights an update is finite where the new weights are
            self.inherit.append((rows.update, rows.weight))
        rows.version, rows.sample = (parameter._version, after) if finite else (-1, None)


def _before(rows: Rows, parameter: Tensor, *, follows: bool) -> Before:
    """What nobody has written to since the last step needs no second look (but for writes to `.data`, which are told at first only)."""
    known = rows.looks >= LOOKS or parameter.dim() < 2 or not parameter.is_cpu
    if rows.sample is not None and rows.version == parameter._version and known:
        return rows, parameter, rows.sample, None
    values = plain_values(parameter)
    if values is None:
        raise LeftOut("it holds integers")
    if follows and rows.sample is not None and parameter.dim() > 1 and rows.looks < LOOKS:
        rows.looks += 1
        if (factor := multiplied(rows.sample, sample(values))) is not None:
            rows.scaled.append(factor)
    finite = not values.is_cpu or math.isfinite(values.sum().item())
    return rows, parameter, sample(values), None if finite else values.clone()


def _norms(gradients: list[Tensor]) -> list[Tensor]:
    """Of all in one call, which on an accelerator is one kernel for many."""
    if any(g.dtype in NARROW for g in gradients):  # whose own norms would have three digits, or overflow
        return [torch.linalg.vector_norm(g, dtype=torch.float32 if g.dtype in NARROW else None) for g in gradients]
    return list(torch._foreach_norm(gradients)) if gradients else []
