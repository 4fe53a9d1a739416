"""A regression loss that is written out: where predictions and targets are subtracted, told like a call of torch's own."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from nbdebug import batch as batches
from nbdebug.findings import Location
from nbdebug.instruments.first_step.operators import _is_predicted, _of_batch
from nbdebug.instruments.first_step.reach import reach_of
from nbdebug.listening import Call, Tape
from nbdebug.loss_call import LossCall, raw_loss_calls

SUBTRACTS = ("sub", "__sub__", "rsub", "__rsub__")


def difference(tape: Tape, batch: Any, loss: Tensor) -> LossCall | None:
    """The first subtraction outside of the model of a target of the batch and what the model made; None beside a torch loss."""
    if raw_loss_calls(tape):
        return None
    ids = {id(tensor) for _, tensor in batches.tensors(batch)}
    for call in tape.calls:
        if call.name in SUBTRACTS and not call.in_model and len(call.given) == 2 and call.given[0].shape == call.given[1].shape:
            for made, target in (call.given, reversed(call.given)):
                if made.requires_grad and _of_batch(tape, target, ids) and _is_predicted(tape, made):
                    return _described(tape, call, made.detach(), target.detach(), float(loss.detach()), tape.origin(made), reach_of(tape, call, made))
    return None


def _described(tape: Tape, call: Call, made: Tensor, target: Tensor, value: float, maker: Call | None, reach: tuple[float, float]) -> LossCall:
    low, high = (float(target.min()), float(target.max())) if target.numel() else (0.0, 0.0)
    return LossCall(
        name="difference", location=call.location, prediction_shape=tuple(made.shape), target_shape=tuple(target.shape),
        target_integral=bool((target == target.round()).all()) if target.is_floating_point() else True,
        prediction_range=(float(made.min()), float(made.max())) if made.numel() else (0.0, 0.0), target_range=(low, high),
        target_values=int(target.unique().numel()) if target.numel() <= 1_000_000 else -1, classes=None, ignore_index=None, weighted=False,
        value=value, chance=None, made_by=maker.name if maker else "", made_dim=None, made_size=None,
        made_at=maker.location if maker else Location(), log_behind=False, sums_to_one=(), reach=reach,
    )  # fmt: skip
