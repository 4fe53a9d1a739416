"""How low a loss can get on given samples: read off the torch loss that was called, or found by an experiment."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from nbdebug.batch import own_copy
from nbdebug.errors import NotChecked
from nbdebug.instruments.overfit.altered import name_of
from nbdebug.instruments.overfit.predictions import Freed, freed
from nbdebug.instruments.overfit.search_lowest import fixed_lowest, lowest
from nbdebug.listening import Tape
from nbdebug.loss_call import BINARY, CLASS_INDEX, LOSSES, REGRESSION, raw_loss_calls
from nbdebug.training_setup import TrainingSetup

ROUNDING = 1e-4  # relative; a loss that differs by more from the call's value has other terms in it
FROM_FORMULA = ""  # nothing to be said where every loss of this name has it
FROM_DRAWS = "what the best fixed predictions get, because the loss draws something anew at each step"


@dataclass(frozen=True)
class LossSeen:
    """A call of one of torch's losses."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Tensor

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)


class Listening(TorchFunctionMode):
    """Notes the calls of torch's losses, and costs next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[LossSeen] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if name_of(func) in LOSSES and isinstance(output, Tensor):
            self.seen.append(LossSeen(name_of(func), args, kwargs or {}, output))
        return output


@dataclass(frozen=True)
class Floor:
    """The lowest value that a loss can take on these samples."""

    value: float | None  # None when it is not known
    why_unknown: str = ""  # empty when it is known
    how: str = FROM_FORMULA
    noisy: bool = False  # the loss draws something anew at each step, whatever the predictions are
    scored: int = 0  # numbers that the predictions must hit


def floor_of(setup: TrainingSetup, batch: Any, twins: Tensor | None, count: int) -> Floor:
    """The floor of the loss on these samples.

    Args:
        twins: for each sample the number of its input, where some inputs are the same, (count,).
    """
    with Tape(setup.model) as tape:
        loss = setup.loss(own_copy(batch))
    value, why, scored = by_formula(tape, loss, twins is not None)
    if value is not None:
        return Floor(value, scored=scored)
    if not math.isfinite(float(loss.detach())):
        return Floor(None, "the loss is not finite", scored=scored)
    try:
        return by_experiment(freed(setup, batch, tape, loss, twins, count), scored)
    except NotChecked as reason:
        return Floor(None, f"{why}, so how low it can get is not known: {reason}", scored=scored)


# -- by experiment ----------------------------------------------------------------------------------------------------


def by_experiment(free: Freed, scored: int) -> Floor:
    """The same loss on predictions that are free numbers, brought as low as they can be."""
    scored = scored or free.numbers
    with free:
        if free.draws():
            return Floor(fixed_lowest(free), how=FROM_DRAWS, noisy=True, scored=scored)
        return Floor(lowest(free), how=f"found with free numbers in the place of what {free.places} gives", scored=scored)


# -- by formula -------------------------------------------------------------------------------------------------------


def by_formula(tape: Tape, loss: Tensor, identical_inputs: bool) -> tuple[float | None, str, int]:
    """The loss of the best possible prediction of the one torch loss on the tape, else why not; and how many targets it scores."""
    calls, value = raw_loss_calls(tape), float(loss.detach())
    if len(calls) != 1:
        return None, "no torch loss was called" if not calls else f"{len(calls)} torch losses were called", 0
    call = calls[0]
    targets = call.argument(1, "target")
    scored = int(targets.numel())
    if math.isfinite(value) and not math.isclose(float(call.output.detach().double().mean()), value, rel_tol=ROUNDING, abs_tol=1e-9):
        return None, f"the loss has other terms beside {call.name}", scored
    if tape.origin(targets) is not None:
        return None, "the targets are made during the step", scored
    if identical_inputs:
        return None, "some inputs are identical", scored
    floor = _formula(call, targets)
    return floor, "" if floor is not None else f"{call.name} has no formula for it", scored


def _formula(call: Any, targets: Tensor) -> float | None:
    if call.name == "cross_entropy":
        smoothing = call.argument(7, "label_smoothing", 0.0) or 0.0
        return _same_call(call, _best_logits(call, targets, smoothing))
    if call.name == "binary_cross_entropy_with_logits" and call.argument(5, "pos_weight") is None:
        return _same_call(call, torch.logit(targets.double().clamp(1e-12, 1 - 1e-12)))
    if call.name == "binary_cross_entropy":
        return _same_call(call, targets)
    return 0.0 if call.name in ("nll_loss", "kl_div", *REGRESSION) else None


def _best_logits(call: Any, targets: Tensor, smoothing: float) -> Tensor:
    """log of the distribution that the loss asks for, (N, C, ...)."""
    logits = call.argument(0, "input").detach().double()
    classes = logits.shape[1] if logits.ndim > 1 else logits.shape[0]
    if targets.is_floating_point():
        wanted = targets.double()
    else:
        wanted = F.one_hot(targets.clamp(0, classes - 1), classes).double()
        wanted = wanted.movedim(-1, 1) if logits.ndim > 1 else wanted
    return (wanted * (1 - smoothing) + smoothing / classes).clamp_min(1e-30).log()


def _same_call(call: Any, predictions: Tensor) -> float | None:
    """The call's own loss with other predictions; what is over-confident in a weighted loss still is a bound."""
    options = {name: value for name, value in call.kwargs.items() if name not in ("input", "target")}
    given = call.argument(0, "input")
    function: Callable[..., Tensor] = getattr(F, call.name)
    targets = call.argument(1, "target").detach()
    targets = targets.float() if targets.is_floating_point() else targets
    try:
        with torch.no_grad():
            value = function(predictions.to(torch.float32).to(given.device), targets, *call.args[2:], **options)
    except (RuntimeError, ValueError):
        return None
    return float(value.double().mean()) if bool(value.isfinite().all()) else None


# -- how many classes are right ---------------------------------------------------------------------------------------


def accuracy(calls: list[LossSeen]) -> float | None:
    """Share of right classes of the only torch loss; None when there are several, or it is not over classes."""
    if len(calls) != 1:
        return None
    call = calls[0]
    predictions, targets = call.argument(0, "input").detach(), call.argument(1, "target").detach()
    if call.name in CLASS_INDEX and predictions.ndim > 1 and not targets.is_floating_point():
        counted = targets != call.kwargs.get("ignore_index", -100)
        right = predictions.argmax(1) == targets
    elif call.name in BINARY and predictions.shape == targets.shape:
        threshold = 0.0 if call.name.endswith("logits") else 0.5
        counted, right = (targets == 0) | (targets == 1), (predictions > threshold) == (targets > 0.5)
    else:
        return None
    return float(right[counted].double().mean()) if bool(counted.any()) else None
