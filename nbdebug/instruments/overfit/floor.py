"""How low a loss can get on given samples, and whether its classes are all right: read off the torch loss that was called."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from nbdebug.listening import Call, Tape
from nbdebug.loss_call import BINARY, CLASS_INDEX, REGRESSION, raw_loss_calls

ROUNDING = 1e-4  # relative; a loss that differs by more from the call's value has other terms in it


@dataclass(frozen=True)
class Reading:
    """What one forward pass says about the loss."""

    value: float
    floor: float | None  # the lowest value it can take on these samples; None when that is not known
    why_unknown: str  # empty when the floor is known
    accuracy: float | None  # share of right classes; None when the loss is not over classes
    scored: int  # numbers that the predictions must hit


def read(tape: Tape, loss: Tensor, identical_inputs: bool) -> Reading:
    """The reading of a step on the tape.

    Args:
        identical_inputs: some samples are the same and may contradict each other in their targets.
    """
    value = float(loss.detach())
    calls = raw_loss_calls(tape)
    if len(calls) != 1:
        named = "no torch loss" if not calls else f"{len(calls)} torch losses"
        return Reading(value, None, f"{named} in the step, so how low it can get is not known", None, 0)
    call = calls[0]
    targets = call.argument(1, "target")
    known = {"accuracy": _accuracy(call), "scored": _scored(call)}
    if math.isfinite(value) and not math.isclose(float(call.output.detach().double().mean()), value, rel_tol=ROUNDING, abs_tol=1e-9):
        return Reading(value, None, f"the loss has other terms beside {call.name}", **known)
    if tape.origin(targets) is not None:
        return Reading(value, None, "the targets are made during the step, not given by the batch", **known)
    if identical_inputs:
        return Reading(value, None, "some inputs are identical and may have different targets", **known)
    floor = _floor(call, targets)
    return Reading(value, floor, "" if floor is not None else f"how low {call.name} can get is not known", **known)


def _floor(call: Call, targets: Tensor) -> float | None:
    """The loss of the best possible prediction."""
    if call.name == "cross_entropy":
        smoothing = call.argument(7, "label_smoothing", 0.0) or 0.0
        return _same_call(call, _best_logits(call, targets, smoothing))
    if call.name == "binary_cross_entropy_with_logits":
        return _same_call(call, torch.logit(targets.double().clamp(1e-12, 1 - 1e-12)))
    if call.name == "binary_cross_entropy":
        return _same_call(call, targets)
    return 0.0 if call.name in ("nll_loss", "kl_div", *REGRESSION) else None


def _best_logits(call: Call, targets: Tensor, smoothing: float) -> Tensor:
    """log of the distribution that the loss asks for, (N, C, ...)."""
    logits = call.argument(0, "input").detach().double()
    classes = logits.shape[1] if logits.ndim > 1 else logits.shape[0]
    if targets.is_floating_point():
        wanted = targets.double()
    else:
        wanted = F.one_hot(targets.clamp(0, classes - 1), classes).double()
        wanted = wanted.movedim(-1, 1) if logits.ndim > 1 else wanted
    return (wanted * (1 - smoothing) + smoothing / classes).clamp_min(1e-30).log()


def _same_call(call: Call, predictions: Tensor) -> float | None:
    """The call's own loss with other predictions; what is over-confident in a weighted loss still is a bound."""
    options = {name: value for name, value in call.kwargs.items() if name not in ("input", "target")}
    given = call.argument(0, "input")
    function = getattr(F, call.name)
    try:
        with torch.no_grad():
            value = function(predictions.to(torch.float32).to(given.device), _float_like(call), *call.args[2:], **options)
    except (RuntimeError, ValueError):
        return None
    return float(value.double().mean()) if bool(value.isfinite().all()) else None


def _float_like(call: Call) -> Tensor:
    targets = call.argument(1, "target").detach()
    return targets.float() if targets.is_floating_point() else targets


def _accuracy(call: Call) -> float | None:
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


def _scored(call: Call) -> int:
    return int(call.argument(1, "target").numel())
