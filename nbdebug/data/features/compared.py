"""Which outputs a training loss over quantities holds against which targets: heard in torch's own losses, or told by the slope of one written by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nbdebug.batch import named_fields, prediction, split
from nbdebug.counterfactual import Counterfactual
from nbdebug.data.split import Split
from nbdebug.errors import BatchError
from nbdebug.loss_call import REGRESSION
from nbdebug.training_setup import TrainingSetup

TOWARDS = 0.9  # of the outputs that a loss pulls towards the targets, to be one over quantities
COLUMNS = 64  # that are looked at one by one


@dataclass
class Heard(TorchFunctionMode):
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


@dataclass(frozen=True)
class Compared:
    """What the loss of the first batch compares, (N, D), and how to hear the outputs again."""

    loss: str
    field: str
    outputs: Tensor
    targets: Tensor
    start: float
    again: Callable[[dict[str, Tensor] | None], Tensor | None]  # the outputs with other weights
    by_call: bool  # a loss of torch's was heard; False: the model's own outputs are what a loss of the user's takes


def compared(setup: TrainingSetup, trial: Counterfactual, train: Split, field: str) -> Compared | None:
    """What the loss of the first batch compares with this field; None where it is no loss over quantities."""
    return _by_call(trial, field) or _by_output(setup, trial, train, field)


def _by_call(trial: Counterfactual, field: str) -> Compared | None:
    """Torch's own loss over quantities, where that is the training loss."""
    with Heard() as heard:
        loss = trial.loss()
    if len(heard.calls) != 1:
        return None
    name, outputs, targets, value = heard.calls[0]
    plain = value.numel() == 1 and bool(torch.isclose(loss.detach(), value.detach().reshape(()).to(loss.dtype)))
    if not plain or outputs.shape != targets.shape or not targets.is_floating_point() or not bool(torch.isfinite(loss)):
        return None

    def again(weights: dict[str, Tensor] | None) -> Tensor | None:
        with torch.no_grad(), Heard() as heard:
            trial.loss(weights)
        return _in_columns(heard.calls[0][1]) if heard.calls else None

    return Compared(name, field, _in_columns(outputs), _in_columns(targets), float(loss.detach()), again, True)


def _by_output(setup: TrainingSetup, trial: Counterfactual, train: Split, field: str) -> Compared | None:
    """A loss written by hand: it pulls every output of the model towards the target that stands in its place."""
    wanted = _targets_of(setup, train, field)
    if wanted is None or not wanted.is_floating_point():
        return None
    heard: list[Tensor] = []
    hook = setup.model.register_forward_hook(lambda _module, _inputs, output: heard.append(prediction(output)))
    try:
        loss = trial.loss()
        outputs = heard[0] if len(heard) == 1 else None
        if outputs is None or not outputs.requires_grad or outputs.squeeze().shape != wanted.squeeze().shape or not bool(torch.isfinite(loss)):
            return None
        (slope,) = torch.autograd.grad(loss, outputs, allow_unused=True)
        if slope is None or not _pulls(slope, outputs.detach(), wanted.reshape(outputs.shape).to(outputs.device)):
            return None
        start, first = float(loss.detach()), _in_columns(outputs)
    finally:
        hook.remove()

    def again(weights: dict[str, Tensor] | None) -> Tensor | None:
        seen: list[Tensor] = []
        hook = setup.model.register_forward_hook(lambda _module, _inputs, output: seen.append(prediction(output)))
        try:
            trial.value(weights)
        finally:
            hook.remove()
        return _in_columns(seen[0]) if seen else None

    return Compared("your loss", field, first, _in_columns(wanted.reshape(outputs.shape)), start, again, False)


def _targets_of(setup: TrainingSetup, train: Split, field: str) -> Tensor | None:
    """The tensor of the first batch that is this field."""
    named = named_fields(train.first).get(field)
    if named is None:
        with contextlib.suppress(BatchError):
            named = split(train.first, setup.model).targets
    return named if isinstance(named, Tensor) else None


def _pulls(slope: Tensor, outputs: Tensor, targets: Tensor) -> bool:
    """Whether the loss falls as each output nears its target, and nowhere else."""
    away = (outputs - targets).double() * slope.double()
    felt = slope != 0
    return bool(felt.double().mean() > TOWARDS) and bool((away[felt] > 0).double().mean() > TOWARDS)


def _in_columns(values: Tensor) -> Tensor:
    """(N, D) in float64; one column of all that has more than a few."""
    values = values.detach().double().cpu()
    return values if values.ndim == 2 and values.shape[1] <= COLUMNS else values.reshape(-1, 1)
