"""How the loss was really called: which of torch's losses, on what predictions and targets, from which line.

torch's loss modules, torch.nn.functional and a loss written inside the user's own function all end in the same
few functions, so that listening to those sees every one of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug.findings import Location
from nbdebug.listening import Call, Tape
from nbdebug.training_setup import TrainingSetup

CLASS_INDEX = ("cross_entropy", "nll_loss")  # targets are class indices, or class probabilities
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
REGRESSION = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
LOGARITHMS = ("log_softmax", "logsigmoid", "log", "logsumexp")
UNIT = 1e-3  # off the length one, in rounding
LOSSES = (*CLASS_INDEX, *BINARY, *REGRESSION, "kl_div")


@dataclass(frozen=True)
class LossCall:
    """One call of a torch loss during a step, in plain values."""

    name: str  # "cross_entropy", …
    location: Location
    prediction_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    target_integral: bool  # whole numbers, whatever the dtype
    prediction_range: tuple[float, float]
    target_range: tuple[float, float]
    target_values: int  # how many distinct values the targets take
    classes: int | None  # C, the size of the class dimension; None where the loss has none
    ignore_index: int | None
    weighted: bool  # class or positive weights are given
    value: float  # the loss, in its own units
    chance: float | None  # the same loss for a prediction that knows nothing; None where that is not defined
    made_by: str  # the function that gave the predictions their values: "softmax", "linear", … or ""
    made_dim: int | None  # its `dim`, for softmax and its like
    made_size: int | None  # how many entries that dimension has
    made_at: Location
    log_behind: bool  # a logarithm of probabilities had a part in the predictions, which may have been weighted since
    sums_to_one: tuple[int, ...]  # dimensions over which exp(predictions) or predictions sum to one
    cosines: bool = False  # the predictions are cosines of activations with weights, and nothing scales them
    made_shape: tuple[int, ...] = ()  # of what that function gave, before it was reshaped
    reach: tuple[float, float] = (-math.inf, math.inf)  # what the predictions can be whatever is learnt, as far as that is known


def loss_calls(tape: Tape) -> list[LossCall]:
    """Every call of one of torch's losses that lies on the tape, in order."""
    return [_described(tape, call) for call in raw_loss_calls(tape)]


def raw_loss_calls(tape: Tape) -> list[Call]:
    """The same as recorded calls, with their tensors."""
    return [call for call in tape.calls if call.name in LOSSES and len(call.inputs()) >= 2]


def name_of_loss(setup: TrainingSetup, tape: Tape) -> str:
    """What the user calls the loss, with what it is: "loss_fn (NLLLoss)", "loss_fn (tag_loss)", "batch_loss (MSELoss)"; "" where the model holds it."""
    given = getattr(setup.loss_fn, "func", setup.loss_fn)  # of a functools.partial
    is_heard = setup.batch_loss is None or any(call.module is given for call in tape.modules)
    if given is None or not is_heard:
        kinds = [call.kind for call in tape.calls if call.kind.endswith("Loss") and not call.in_model]
        return "" if setup.batch_loss is None else f"batch_loss ({kinds[0]})" if kinds else "batch_loss"
    what = type(given).__name__ if isinstance(given, torch.nn.Module) else getattr(given, "__name__", "")
    return f"loss_fn ({what})" if what.isidentifier() and what != "loss_fn" else "loss_fn"


def main_loss(calls: list[LossCall]) -> LossCall | None:
    """The call that carries the task: the first over class indices, else the first of all."""
    return next((call for call in calls if call.name in CLASS_INDEX), calls[0] if calls else None)


def is_probabilities(values: Tensor, dim: int) -> bool:
    """Whether these are non-negative and sum to one over `dim`, within the rounding of their dtype."""
    if values.ndim <= dim or values.shape[dim] < 2 or not bool((values >= 0).all()):
        return False
    total = values.double().sum(dim)
    return bool((total - 1).abs().max() < 5e-2 if values.dtype in (torch.float16, torch.bfloat16) else (total - 1).abs().max() < 1e-3)


def _described(tape: Tape, call: Call) -> LossCall:
    predictions, targets = call.argument(0, "input").detach(), call.argument(1, "target").detach()
    maker = tape.origin(call.argument(0, "input"))
    return LossCall(
        name=call.name,
        location=call.location,
        prediction_shape=tuple(predictions.shape),
        target_shape=tuple(targets.shape),
        target_integral=bool((targets == targets.round()).all()) if targets.is_floating_point() else True,
        prediction_range=_range(predictions),
        target_range=_range(targets),
        target_values=int(targets.unique().numel()) if targets.numel() <= 1_000_000 else -1,
        classes=_classes(call.name, predictions),
        ignore_index=call.kwargs.get("ignore_index", -100) if call.name in CLASS_INDEX else None,
        weighted=any(call.kwargs.get(name) is not None for name in ("weight", "pos_weight")),
        value=float(call.output.detach().double().mean()),
        chance=_chance(call, predictions, targets),
        made_by=maker.name if maker else "",
        made_dim=_dim(maker),
        made_size=maker.outputs()[0].shape[dim] if maker and (dim := _dim(maker)) is not None else None,
        made_at=maker.location if maker else Location(),
        log_behind=any(tape.calls[i].name in LOGARITHMS for i in tape.ancestors(call.argument(0, "input"))),
        sums_to_one=_unit_dims(call.name, predictions),
        cosines=maker is not None and _are_cosines(tape, maker),
        made_shape=tuple(maker.outputs()[0].shape) if maker and maker.outputs() else (),
    )


def _are_cosines(tape: Tape, call: Call) -> bool:
    """Whether a call multiplies unit vectors, of which one side are weights: prototypes of classes."""
    given = call.inputs()[:2]
    if len(given) < 2 or not any(_is_of_weights(tape, tensor) for tensor in given):
        return False
    if call.name == "cosine_similarity":
        return True
    if call.name not in ("linear", "matmul", "__matmul__", "mm") or len(call.inputs()) > 2 or min(t.ndim for t in given) < 2:
        return False
    left, right = (tensor.detach().double() for tensor in given)
    lengths = torch.cat([left.norm(dim=-1).flatten(), right.norm(dim=-1 if call.name == "linear" else -2).flatten()])
    return bool((lengths - 1).abs().max() < UNIT)


def _is_of_weights(tape: Tape, tensor: Tensor) -> bool:
    """Whether it is made of parameters alone."""
    made = tape.ancestors(tensor)
    given = [t for index in made for t, parent in zip(tape.calls[index].inputs(), tape.calls[index].parents, strict=True) if parent < 0]
    return isinstance(tensor, torch.nn.Parameter) or (bool(given) and all(isinstance(t, torch.nn.Parameter) for t in given))


def _classes(name: str, predictions: Tensor) -> int | None:
    if name not in CLASS_INDEX or predictions.ndim == 0:
        return None
    return predictions.shape[1] if predictions.ndim > 1 else predictions.shape[0]


def _chance(call: Call, predictions: Tensor, targets: Tensor) -> float | None:
    """The same call with predictions that know nothing: equal logits, or for a regression the mean target.

    In single precision at least: autocast computes losses so, and without it they do not take half.
    """
    predictions, targets = _at_least_single(predictions), _at_least_single(targets)
    if call.name in ("cross_entropy", "binary_cross_entropy_with_logits"):
        blind = torch.zeros_like(predictions)
    elif call.name == "nll_loss":
        blind = torch.full_like(predictions, -float(torch.tensor(float(_classes(call.name, predictions) or 1)).log()))
    elif call.name == "binary_cross_entropy":
        blind = torch.full_like(predictions, 0.5)
    elif call.name in REGRESSION and targets.is_floating_point() and predictions.shape == targets.shape:
        blind = targets.mean(0, keepdim=True).expand_as(targets).to(predictions.dtype)
    else:
        return None
    rest = {name: value for name, value in call.kwargs.items() if name not in ("input", "target")}
    with torch.no_grad():
        function: Any = getattr(torch.nn.functional, call.name)
        return float(function(blind, targets, *call.args[2:], **rest).double().mean())


def _at_least_single(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def _unit_dims(name: str, predictions: Tensor) -> tuple[int, ...]:
    if not predictions.is_floating_point() or predictions.ndim == 0 or predictions.numel() == 0:
        return ()
    values = predictions.exp() if name in ("nll_loss", "kl_div") else predictions
    return tuple(dim for dim in range(values.ndim) if is_probabilities(values, dim))


def _dim(call: Call | None) -> int | None:
    if call is None or call.name not in ("softmax", "log_softmax", "softmin", "gumbel_softmax", "logsumexp"):
        return None
    dim = call.argument(1, "dim")
    ndim = call.outputs()[0].ndim
    return dim % ndim if isinstance(dim, int) and ndim else None


def _range(values: Tensor) -> tuple[float, float]:
    if values.numel() == 0 or values.is_complex():
        return (float("nan"), float("nan"))
    low, high = torch.aminmax(values)
    return (float(low), float(high))
