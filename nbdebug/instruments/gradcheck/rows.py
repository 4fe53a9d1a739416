"""One parameter or input after the other: what backward says of it, beside what the loss does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from nbdebug.instruments.gradcheck import taylor, together
from nbdebug.instruments.gradcheck.cuts import CutWays
from nbdebug.instruments.gradcheck.result import FLAT, KINK, NOT_CHECKED, SOUND, WRONG, GradientRow
from nbdebug.instruments.gradcheck.taylor import STEPS, Along, along, directions, inner, with_slope
from nbdebug.instruments.gradcheck.trial import Point, Trial

AWAY = 1e-2  # how far the place is moved that has no kinks, relative to the weights; our choice
AT_ONCE = 16  # leaves that are measured at once
MANY = 48  # from so many leaves on
ELEMENT_STEP = 1e-4  # relative to the weights


class Rows:
    """Judges parameters and inputs at one point; `elsewhere`, a place nearby, tells kinks from mistakes.

    Args:
        trial: the step.
        point: the weights and inputs as they are.
    """

    def __init__(self, trial: Trial, point: Point) -> None:
        self.trial, self.point = trial, point
        self.evaluations = 0
        self._steps: dict[str, float] = {}  # kind of direction → step at which the last one agreed
        self._elsewhere: Point | None = None
        self._moves: dict[str, Tensor] | None = None
        self._cut_ways = CutWays(self)

    def judge_all(self) -> Iterator[list[GradientRow]]:
        """Rows in the order of the model: one by one, or of many leaves so many at a time."""
        names = list(self.trial.leaves)
        at_once = AT_ONCE if len(names) > MANY else 1
        for start in range(0, len(names), at_once):
            part = names[start : start + at_once]
            sound = together.sound_ones(self, part) if len(part) > 1 else {}
            yield [sound[name] if name in sound else self.judge(name) for name in part]

    def judge(self, name: str) -> GradientRow:
        """The verdict on one leaf, before it is known what is to blame."""
        leaf, gradient = self.trial.base[name], self.point.gradients[name]
        row = GradientRow(name, tuple(leaf.shape), "input" if name in self.trial.inputs else "parameter", SOUND)
        if leaf.numel() == 0:
            return replace(row, verdict=NOT_CHECKED, reason="it is empty")
        if gradient is not None and not bool(torch.isfinite(torch.view_as_real(gradient) if gradient.is_complex() else gradient).all()):
            return replace(row, verdict=NOT_CHECKED, reason="its gradient holds NaN or Inf")
        worst = self.worst(self.point, name)
        row = told(row, worst)
        if worst.is_wrong or worst.is_flat:
            return self._at_another_place(row, worst)
        if worst.is_unclear:
            return replace(row, verdict=NOT_CHECKED, reason=f"the loss is too rough here to measure a derivative to one per cent{self._rough()}")
        return row

    def worst(self, point: Point, name: str, gradient: Tensor | None = None) -> Along:
        """The direction along which loss and gradient agree least."""
        gradient = point.gradients[name] if gradient is None else gradient
        size = self.trial.size(name)
        norm = float(gradient.abs().square().sum().sqrt()) if gradient is not None else 0.0
        found = []
        for kind, direction in directions(gradient, self.trial.base[name], size, seed=1):
            analytic = inner(gradient, direction)
            scale = norm * size if kind == "random" else abs(analytic)
            loss = self.loss_along(point, {name: direction})
            seen = along(loss, point.loss, analytic, scale, epsilon=self.trial.epsilon, first=self._steps.get(kind))
            if seen.step is not None:
                self._steps[kind] = seen.step  # a loss of many kinks wants it small, for the next leaf too
            found.append((seen, loss))
        worst, loss = max(found, key=lambda pair: (pair[0].is_wrong, not pair[0].is_flat, pair[0].error))
        return with_slope(worst, loss, point.loss, epsilon=self.trial.epsilon)

    def agrees(self, name: str, gradient: Tensor | None) -> bool:
        """Whether another gradient of this leaf is right."""
        return gradient is not None and not self.worst(self.point, name, gradient).is_wrong

    def taylor(self, row: GradientRow) -> GradientRow:
        """The row with remainders at all steps, for drawing."""
        name, gradient = row.name, self.point.gradients[row.name]
        direction = directions(gradient, self.trial.base[name], self.trial.size(name), seed=1)[-1][1]
        loss = self.loss_along(self.point, {name: direction})
        steps, analytic = tuple(sorted(STEPS)), inner(gradient, direction)
        remainders = tuple(abs(loss(h) - self.point.loss - h * analytic) for h in steps)
        slope = taylor.remainder_slope(steps, remainders, taylor.floor(self.point.loss, self.trial.epsilon))
        return replace(row, steps=steps, remainders=remainders, slope=slope)

    def worst_element(self, row: GradientRow) -> GradientRow:
        """The row with the element that is most wrong, found by halving: of two halves the worse is halved on."""
        leaf = self.trial.base[row.name]
        if leaf.is_complex():
            return row
        gradient = self.point.gradients[row.name]
        gradient = torch.zeros_like(leaf) if gradient is None else gradient
        signs = taylor.random_signs(leaf, seed=2).reshape(-1)  # the same in all halves, so that off adds up
        chosen = taylor.most_wrong(lambda some: self._off(row.name, gradient, some, signs), leaf.numel())
        numeric, analytic = self._both(row.name, gradient, chosen, torch.ones_like(signs))
        element = tuple(int(i) for i in torch.unravel_index(chosen[0], leaf.shape)) if leaf.ndim else ()
        return replace(row, element=element, element_numeric=numeric, element_analytic=analytic)

    # -- how it is asked -----------------------------------------------------------------------------------------------

    def _rough(self) -> str:
        """Why a loss may be rough."""
        if not self.trial.wide:
            return ": it is not computed in double precision"
        record = self.point.record
        return f": part of it stays in single precision ({record.narrow})" if record.is_narrow else ""

    def _at_another_place(self, row: GradientRow, worst: Along) -> GradientRow:
        """A difference at a kink, or a loss that does not move at all, says little of backward: a little beside it may."""
        near = self._worst_elsewhere(row.name)
        if near is None or (near.is_flat and worst.is_flat):
            if worst.is_wrong:
                return replace(row, verdict=WRONG)
            return self._flat(row)
        if near.is_wrong:
            return replace(told(row, near) if worst.is_flat else row, verdict=WRONG)
        if worst.is_flat:
            return replace(told(row, near), reason="flat at this very point, so it was checked a little beside it")
        if near.is_flat or near.is_unclear:
            return replace(row, verdict=NOT_CHECKED, reason="this point is a kink, and the loss is too rough beside it")
        sides = "one-sided derivatives differ" if worst.has_kink else "several kinks meet"
        return replace(row, verdict=KINK, reason=f"{sides} at this very point; a little beside it backward is right to {near.error:.1g}")

    def _flat(self, row: GradientRow) -> GradientRow:
        """The loss does not change with it: really, or because all that it changes is held."""
        row = replace(row, verdict=FLAT, error=None, slope=None, steps=(), remainders=(), reason="the loss does not change with it")
        if self.point.gradients[row.name] is not None:
            return row
        stopped = self._cut_ways.told(row, self.point)
        if stopped is None and self._elsewhere is not None:  # behind a head of zeros, say
            with self.trial.moved_by(self._moves or {}):
                stopped = self._cut_ways.told(row, self._elsewhere)
        return stopped or replace(row, reason=f"{row.reason}, and no gradient arrives")

    def _worst_elsewhere(self, name: str) -> Along | None:
        if self._moves is None:
            self._find_elsewhere()
        if self._elsewhere is None:
            return None
        with self.trial.moved_by(self._moves or {}):
            gradient = self._elsewhere.gradients[name]
            if gradient is not None and not bool(torch.isfinite(gradient).all()):
                return None
            return self.worst(self._elsewhere, name)

    def _find_elsewhere(self) -> None:
        """All weights and inputs moved a little; if inputs may not be, the weights alone."""
        generator = torch.Generator().manual_seed(5)
        every = {
            name: (torch.randn(base.shape, generator=generator, dtype=base.dtype) * (AWAY * self.trial.size(name))).to(base.device)
            for name, base in self.trial.base.items()
        }
        for names in (every.keys(), self.trial.parameters.keys()):
            self._moves = {name: every[name] for name in names}
            with self.trial.moved_by(self._moves):
                try:
                    found = self.trial.point()
                except (RuntimeError, ValueError):
                    continue
            if math.isfinite(found.loss):
                self._elsewhere = found
                return

    def loss_along(self, point: Point, directions: dict[str, Tensor]) -> Callable[[float], float]:
        """The loss at a step along directions of some leaves."""

        def loss(h: float) -> float:
            self.evaluations += 1
            return self.trial.loss(point, {name: h * direction for name, direction in directions.items()})

        return loss

    def _both(self, name: str, gradient: Tensor, chosen: Tensor, signs: Tensor) -> tuple[float, float]:
        """Derivative along the signed sum of some elements: measured, and answered."""
        base = self.trial.base[name]
        direction = torch.zeros(base.numel(), dtype=base.dtype, device=base.device)
        direction[chosen] = signs[chosen]
        direction = direction.reshape(base.shape)
        h = ELEMENT_STEP * self.trial.size(name) * (1 if self.trial.epsilon < 1e-10 else 100)
        loss = self.loss_along(self.point, {name: direction})
        return (loss(h) - loss(-h)) / (2 * h), inner(gradient, direction)

    def _off(self, name: str, gradient: Tensor, chosen: Tensor, signs: Tensor) -> float:
        numeric, analytic = self._both(name, gradient, chosen, signs)
        return numeric - analytic if math.isfinite(numeric) else 0.0


def told(row: GradientRow, found: Along) -> GradientRow:
    """The row with what was measured along a direction."""
    return replace(
        row, error=found.error, analytic=found.analytic, numeric=found.numeric, uncertainty=found.uncertainty,
        slope=found.slope, steps=found.steps, remainders=found.remainders,
    )  # fmt: skip
