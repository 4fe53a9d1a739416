"""Can the outputs get to the targets? Asked of the loss itself, with the optimizer's own step size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from nbdebug.counterfactual import Counterfactual, is_adaptive, trainable
from nbdebug.data.features.compared import Compared, Heard, compared, drowned
from nbdebug.data.split import Split
from nbdebug.training_setup import TrainingSetup

LARGE = 30.0  # units of the targets; what lies nearer is reached within a few hundred steps of any sound training of ours
STEPS = 200  # of the optimizer, all of them straight on; our choice: more than the first epochs of a small training
SMALL, THROWN = 0.01, 100.0  # spread of targets from which one step is tried, and how many spreads it may move the outputs; our choice
ROWS = 8  # of a batch, to speak of a spread
REACHED = 0.1  # of the way to the targets
OVERSHOT = 10.0  # times the loss, after one step
OFF = 20.0  # spreads of the targets that their mean lies off the outputs: the way there is that much longer than all there is to learn; our choice
UNEVEN, WIDE, SIZED = 20.0, 10.0, 3.0  # a column of targets beside the median of the others, its spread, and theirs at most; our choice
DROWNED = 1e-3  # of the gradient at shared weights, below which the other losses have no say; our choice: tasks that are weighed lie within a factor of 100
USUAL_RATE = 1e-3  # of Adam, where no optimizer is given


@dataclass(frozen=True)
class TargetScale:
    """The outputs of the first batch beside its targets."""

    loss: str  # "mse_loss", …
    field: str
    target_mean: float
    target_std: float
    output_mean: float
    output_std: float
    start: float  # the loss
    adaptive: bool
    rate: float  # the largest learning rate
    steps: int
    way: float | None  # share of the distance that `steps` steps straight on would cover; None for SGD
    after: float | None  # loss after one step of SGD; None for adaptive optimizers
    standardised: tuple[float, float] | None  # before and after the same step, targets standardised
    thrown: float | None = None  # how far one step moves the outputs, in spreads of the targets; None where that was not asked
    off: float | None = None  # how far the outputs lie off, in spreads of the targets; None where they lie near, or for SGD
    drowned: float | None = None  # the gradient of all other losses beside that of this one; None where they count, or there are none
    uneven: float | None = None  # times that the spread of this column is that of the median one of the others; None where they are even

    @property
    def out_of_reach(self) -> bool:
        """Whether the optimizer cannot get there."""
        if self.thrown is not None:
            return self.thrown > THROWN
        if self.uneven is not None or self.off is not None or self.drowned is not None:
            return True
        if self.way is not None:
            return self.way < REACHED
        thrown = self.after is not None and not self.after <= OVERSHOT * self.start
        return thrown and self.standardised is not None and self.standardised[1] <= self.standardised[0]


def target_scale(setup: TrainingSetup, train: Split) -> TargetScale | None:
    """What the first batch shows; None where its loss is none over quantities, or outputs and targets lie near each other."""
    fields = [field for field in train.fields if field.role == "target" and field.columns is not None]
    quantities = [field for field in fields if field.kind in ("quantity", "tabular", "series")]
    field = next(filter(_is_large, quantities), quantities[0] if quantities else None)  # of several targets the one that may lie far off
    if field is None or train.first is None or not (_is_large(field) or _is_small(field)):
        return None
    trial = Counterfactual(setup, train.first)
    asked = compared(setup, trial, train, field.name)
    if asked is None:
        return None
    if _is_large(field) and (column := _far(asked)) is not None:
        found = _experiment(setup, trial, asked, column)
        if found is None or found.out_of_reach:
            return found
        return _uneven(setup, asked) or replace(found, drowned=_drowned(setup, trial, asked, column))
    if _is_large(field) and (uneven := _uneven(setup, asked)) is not None:
        return uneven
    return _one_step(setup, trial, asked) if _is_small(field) and is_adaptive(setup) else None


def _far(asked: Compared) -> int | None:
    """The column whose targets lie farthest from where the outputs start; None where none lies far."""
    outputs, targets = asked.outputs, asked.targets
    squared = (targets - outputs).square().mean(0)
    known = (squared <= 2 * targets.var(0, correction=0)) & (outputs.std(0, correction=0) >= 0.1 * targets.std(0, correction=0))  # a model that knows their scale
    distance = squared.sqrt().where(~known, torch.tensor(0.0, dtype=squared.dtype))
    column = int(distance.argmax())
    return column if float(distance[column]) > LARGE else None


def _uneven(setup: TrainingSetup, asked: Compared) -> TargetScale | None:
    """A column of the targets that outweighs all others in the loss."""
    spread = asked.targets.std(0, correction=0)
    if not asked.by_call or len(spread) < 2 or len(asked.targets) < ROWS:
        return None
    column = int(spread.argmax())
    others = torch.cat([spread[:column], spread[column + 1 :]])
    others = others[others > 0]
    if not len(others) or float(spread[column]) < max(WIDE, UNEVEN * float(others.median())) or float(others.max()) > SIZED:
        return None
    targets, outputs = asked.targets[:, column], asked.outputs[:, column]
    return TargetScale(
        asked.loss, f"{asked.field}, column {column}", float(targets.mean()), float(spread[column]), float(outputs.mean()), float(outputs.std(correction=0)),
        asked.start, is_adaptive(setup), 0.0, 0, None, None, None, uneven=float(spread[column] / others.median()),
    )  # fmt: skip


def _drowned(setup: TrainingSetup, trial: Counterfactual, asked: Compared, column: int) -> float | None:
    """What is left of the other losses beside one over quantities as wide as these."""
    if not asked.by_call or float(asked.targets[:, column].std(correction=0)) < WIDE:
        return None
    share = drowned(setup, trial, asked.place)
    return share if share is not None and share < DROWNED else None


def _is_large(field: Any) -> bool:
    """A look at the whole data before a step is tried."""
    size = [abs(mean) + std for mean, std in zip(field.columns.mean.tolist(), field.columns.std.tolist(), strict=True)]
    return any(math.isfinite(s) and s > LARGE for s in size)


def _is_small(field: Any) -> bool:
    """Whether all columns vary, and by little."""
    return all(0 < std < SMALL for std in field.columns.std.tolist())


def _experiment(setup: TrainingSetup, trial: Counterfactual, asked: Compared, column: int) -> TargetScale | None:
    weights, rates, moved = _moved(setup)
    if not moved:
        return None
    gradients = trial.gradients({n: weights[n] for n in moved})
    outputs, targets = asked.outputs[:, column], asked.targets[:, column]
    way, after, standardised = None, None, None
    if is_adaptive(setup):
        way = _way(asked, {n: weights[n].detach() - STEPS * rates[id(weights[n])] * gradients[n].sign() for n in moved}, column)
    elif asked.by_call:
        after = trial.value(_stepped(weights, rates, gradients, moved))
        mean, std = asked.targets.mean(), asked.targets.std(correction=0).clamp(min=1e-12)
        with Heard(lambda t: ((t - mean) / std).to(t.dtype)):
            before = trial.value()
            other = trial.gradients({n: weights[n] for n in moved})
            standardised = before, trial.value(_stepped(weights, rates, other, moved))
    name = f"{asked.field}, column {column}" if asked.targets.shape[1] > 1 else asked.field
    return TargetScale(
        asked.loss, name, float(targets.mean()), float(targets.std(correction=0)), float(outputs.mean()), float(outputs.std(correction=0)),
        asked.start, is_adaptive(setup), max(rates[id(weights[n])] for n in moved), STEPS, way, after, standardised, off=_off(outputs, targets) if way is not None else None,
    )  # fmt: skip


def _off(outputs: Tensor, targets: Tensor) -> float | None:
    """How many of their spreads the targets lie off the outputs."""
    spread = float(targets.std(correction=0))
    off = float((targets - outputs).square().mean().sqrt()) / max(spread, 1e-12)
    return off if spread > 0 and off > OFF and len(targets) >= ROWS else None


def _one_step(setup: TrainingSetup, trial: Counterfactual, asked: Compared) -> TargetScale | None:
    """How far a single step of an adaptive optimizer, whose size does not fall with the error, throws the outputs, in spreads of the targets."""
    weights, rates, moved = _moved(setup)
    spread = float(asked.targets.std(0, correction=0).max())
    if not moved or not spread > 0:
        return None
    gradients = trial.gradients({n: weights[n] for n in moved})
    after = asked.again({n: weights[n].detach() - rates[id(weights[n])] * gradients[n].sign() for n in moved})
    if after is None:
        return None
    thrown = float((after - asked.outputs).square().mean().sqrt()) / spread
    return TargetScale(
        asked.loss, asked.field, float(asked.targets.mean()), spread, float(asked.outputs.mean()), float(asked.outputs.std(correction=0)), asked.start,
        True, max(rates[id(weights[n])] for n in moved), 1, None, None, None, thrown,
    )  # fmt: skip


def _moved(setup: TrainingSetup) -> tuple[dict[str, Any], dict[int, float], list[str]]:
    """Parameters by name, their learning rates, and the names of those that move."""
    weights, rates = dict(trainable(setup.model)), _rates(setup)
    return weights, rates, [name for name in weights if rates.get(id(weights[name]), 0.0) > 0]


def _stepped(weights: dict[str, Tensor], rates: dict[int, float], gradients: dict[str, Tensor], moved: list[str]) -> dict[str, Tensor]:
    return {n: weights[n].detach() - rates[id(weights[n])] * gradients[n] for n in moved}


def _way(asked: Compared, far: dict[str, Tensor], column: int) -> float:
    """Share of the distance to the targets by which the outputs are moved."""
    there = asked.again(far)
    if there is None:
        return math.inf
    outputs, targets = asked.outputs[:, column], asked.targets[:, column]
    share = float((there[:, column] - outputs).square().mean().sqrt()) / float((targets - outputs).square().mean().sqrt())
    return share if math.isfinite(share) else math.inf


def _rates(setup: TrainingSetup) -> dict[int, float]:
    """Learning rate by id of the parameter; of schedules that warm up, the rate that they lead to."""
    if not setup.optimizers:
        return {id(parameter): USUAL_RATE for parameter in setup.model.parameters()}
    groups = [group for optimizer in setup.optimizers for group in optimizer.param_groups]
    return {id(p): max(float(group.get(k) or 0.0) for k in ("lr", "initial_lr", "max_lr")) for group in groups for p in group["params"]}
