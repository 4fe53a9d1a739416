"""Can the outputs get to the targets? Asked of the loss itself, with the optimizer's own step size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nbdebug.counterfactual import Counterfactual, is_adaptive, trainable
from nbdebug.data.split import Split
from nbdebug.loss_call import REGRESSION
from nbdebug.training_setup import TrainingSetup

LARGE = 30.0  # units of the targets; what lies nearer is reached within a few hundred steps of any sound training of ours
STEPS = 200  # of the optimizer, all of them straight on; our choice: more than the first epochs of a small training
REACHED = 0.1  # of the way to the targets
OVERSHOT = 10.0  # times the loss, after one step
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

    @property
    def out_of_reach(self) -> bool:
        """Whether the optimizer cannot get there."""
        if self.way is not None:
            return self.way < REACHED
        thrown = self.after is not None and not self.after <= OVERSHOT * self.start
        return thrown and self.standardised is not None and self.standardised[1] <= self.standardised[0]


@dataclass
class _Heard(TorchFunctionMode):
    """Listens for a loss over quantities, and can give it other targets."""

    change: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Tensor, Tensor, Tensor]] = []  # loss, prediction, targets, value

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name not in REGRESSION:
            return func(*args, **kwargs)
        given = [args[0] if args else kwargs.pop("input", None), args[1] if len(args) > 1 else kwargs.pop("target", None)]
        targets = given[1]
        if self.change is not None:
            given[1] = self.change(targets)
        value = func(*given, *args[2:], **kwargs)
        self.calls.append((name, given[0], targets, value))
        return value


def target_scale(setup: TrainingSetup, train: Split) -> TargetScale | None:
    """What the first batch shows; None where its loss is none over quantities, or outputs and targets lie near each other."""
    targets = [field for field in train.fields if field.role == "target" and field.columns is not None]
    field = next((field for field in targets if field.kind in ("quantity", "tabular", "series")), None)
    if field is None or train.first is None or not _is_large(field):
        return None
    trial = Counterfactual(setup, train.first)
    with _Heard() as heard:
        loss = trial.loss()
    if len(heard.calls) != 1:
        return None
    name, outputs, targets, value = heard.calls[0]
    plain = value.numel() == 1 and bool(torch.isclose(loss.detach(), value.detach().reshape(()).to(loss.dtype)))
    if not plain or outputs.shape != targets.shape or not targets.is_floating_point() or not bool(torch.isfinite(loss)):
        return None
    outputs, targets = outputs.detach().double(), targets.detach().double()
    distance = float((targets - outputs).square().mean().sqrt())
    if distance <= LARGE or float((outputs - targets).square().mean()) <= 2 * float(targets.var(correction=0)) and _alike(outputs, targets):
        return None
    return _experiment(setup, trial, (name, field.name, outputs, targets, float(loss.detach())))


def _is_large(field: Any) -> bool:
    """A look at the whole data before a step is tried."""
    size = [abs(mean) + std for mean, std in zip(field.columns.mean.tolist(), field.columns.std.tolist(), strict=True)]
    return any(math.isfinite(s) and s > LARGE for s in size)


def _alike(outputs: Tensor, targets: Tensor) -> bool:
    """Outputs that spread as the targets do come of a model that knows their scale."""
    return float(outputs.std(correction=0)) >= 0.1 * float(targets.std(correction=0))


def _experiment(setup: TrainingSetup, trial: Counterfactual, seen: tuple[str, str, Tensor, Tensor, float]) -> TargetScale | None:
    name, field, outputs, targets, start = seen
    weights, rates = dict(trainable(setup.model)), _rates(setup)
    moved = [n for n in weights if rates.get(id(weights[n]), 0.0) > 0]
    if not moved:
        return None
    gradients = trial.gradients({n: weights[n] for n in moved})
    adaptive = is_adaptive(setup)
    way, after, standardised = None, None, None
    if adaptive:
        far = {n: weights[n].detach() - STEPS * rates[id(weights[n])] * gradients[n].sign() for n in moved}
        way = _way(setup, trial, far, outputs, targets)
    else:
        after = trial.value(_stepped(weights, rates, gradients, moved))
        mean, std = targets.mean(), targets.std(correction=0).clamp(min=1e-12)
        with _Heard(lambda t: ((t - mean) / std).to(t.dtype)):
            before = trial.value()
            other = trial.gradients({n: weights[n] for n in moved})
            standardised = before, trial.value(_stepped(weights, rates, other, moved))
    return TargetScale(
        name, field, float(targets.mean()), float(targets.std(correction=0)), float(outputs.mean()), float(outputs.std(correction=0)),
        start, adaptive, max(rates[id(weights[n])] for n in moved), STEPS, way, after, standardised,
    )  # fmt: skip


def _stepped(weights: dict[str, Tensor], rates: dict[int, float], gradients: dict[str, Tensor], moved: list[str]) -> dict[str, Tensor]:
    return {n: weights[n].detach() - rates[id(weights[n])] * gradients[n] for n in moved}


def _way(setup: TrainingSetup, trial: Counterfactual, far: dict[str, Tensor], outputs: Tensor, targets: Tensor) -> float:
    """Share of the distance to the targets by which the outputs are moved."""
    with torch.no_grad(), _Heard() as heard:
        trial.loss(far)
    if not heard.calls:
        return math.inf
    moved = heard.calls[0][1].detach().double() - outputs
    share = float(moved.square().mean().sqrt()) / float((targets - outputs).square().mean().sqrt())
    return share if math.isfinite(share) else math.inf


def _rates(setup: TrainingSetup) -> dict[int, float]:
    """Learning rate by id of the parameter; of schedules that warm up, the rate that they lead to."""
    if not setup.optimizers:
        return {id(parameter): USUAL_RATE for parameter in setup.model.parameters()}
    groups = [group for optimizer in setup.optimizers for group in optimizer.param_groups]
    return {id(p): max(float(group.get(k) or 0.0) for k in ("lr", "initial_lr", "max_lr")) for group in groups for p in group["params"]}
