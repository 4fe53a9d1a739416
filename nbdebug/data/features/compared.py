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
from nbdebug.loss_call import BINARY, CLASS_INDEX, REGRESSION
from nbdebug.training_setup import TrainingSetup

TOWARDS = 0.9  # of the outputs that a loss pulls towards the targets, to be one over quantities
MOST = 0.9  # of a loss, that one of its terms must be to stand for it; our choice
COLUMNS = 64  # that are looked at one by one


@dataclass
class Heard(TorchFunctionMode):
    """Listens for a loss over quantities, and can give it other targets."""

    change: Callable[[Tensor], Tensor] | None = None
    silenced: int | None = None  # the place of a call whose value is to count, and to have no gradient

    def __post_init__(self) -> None:
        super().__init__()
        self.others = 0  # losses of torch's over classes
        self.calls: list[tuple[str, Tensor, Tensor, Tensor]] = []  # loss, prediction, targets, value

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name not in REGRESSION:
            self.others += name in (*CLASS_INDEX, *BINARY)
            return func(*args, **kwargs)
        given = [args[0] if args else kwargs.pop("input", None), args[1] if len(args) > 1 else kwargs.pop("target", None)]
        targets = given[1]
        if self.change is not None:
            given[1] = self.change(targets)
        value = func(*given, *args[2:], **kwargs)
        self.calls.append((name, given[0], targets, value))
        return value.detach() if self.silenced == len(self.calls) - 1 else value


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
    place: int = 0  # of that call among those heard


def compared(setup: TrainingSetup, trial: Counterfactual, train: Split, field: str) -> Compared | None:
    """What the loss of the first batch compares with this field; None where it is no loss over quantities."""
    return _by_call(trial, field) or _by_output(setup, trial, train, field)


def _by_call(trial: Counterfactual, field: str) -> Compared | None:
    """Torch's own loss over quantities, where that is the training loss."""
    with Heard() as heard:
        loss = trial.loss()
    place = _governing(loss, heard.calls)
    if place is None:
        return None
    name, outputs, targets, _ = heard.calls[place]
    if outputs.shape != targets.shape or not targets.is_floating_point() or not bool(torch.isfinite(loss)):
        return None

    def again(weights: dict[str, Tensor] | None) -> Tensor | None:
        with torch.no_grad(), Heard() as heard:
            trial.loss(weights)
        return _in_columns(heard.calls[place][1]) if len(heard.calls) > place else None

    return Compared(name, field, _in_columns(outputs), _in_columns(targets), float(loss.detach()), again, True, place)


def _governing(loss: Tensor, calls: list[tuple[str, Tensor, Tensor, Tensor]]) -> int | None:
    """The place of the call whose value, with the weight it has, is nearly all of the training loss; None where no call is."""
    values = [value for *_, value in calls]
    if not values or not loss.requires_grad:
        return None
    weights = torch.autograd.grad(loss, values, allow_unused=True, retain_graph=True) if all(v.requires_grad for v in values) else ()
    shares = [float((w * v.detach()).sum() / loss.detach().abs().clamp(min=1e-30)) if w is not None else 0.0 for v, w in zip(values, weights, strict=False)]
    place = max(range(len(shares)), key=lambda i: shares[i], default=None)
    return place if place is not None and values[place].numel() == 1 and MOST <= shares[place] <= 1 / MOST else None


def drowned(setup: TrainingSetup, trial: Counterfactual, place: int) -> float | None:
    """How large the gradient of all other losses of a training is beside that of this call, at the weights that they share; None where there are none."""
    weights = [parameter for parameter in setup.model.parameters() if parameter.requires_grad]
    with Heard() as heard:
        loss = trial.loss()
    if len(heard.calls) + heard.others < 2:
        return None
    whole = torch.autograd.grad(loss, weights, allow_unused=True)
    with Heard(silenced=place):
        loss = trial.loss()
    rest = torch.autograd.grad(loss, weights, allow_unused=True) if loss.requires_grad else ()
    both = [(a.double().norm(), b.double().norm()) for a, b in zip(whole, rest, strict=False) if a is not None and b is not None and bool(b.any())]
    both = [(a, b) for a, b in both if not torch.isclose(a, b)]  # the others are reached by the rest alone
    return float(torch.stack([b for _, b in both]).norm() / torch.stack([a for a, _ in both]).norm()) if both else None


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
