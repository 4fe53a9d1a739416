"""What the predictions can be at all, whatever is learnt, beside what the targets are."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug.findings import ERROR, WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.first_step.instrument import first_step
from nbdebug.instruments.first_step.loss_checks import (
    ACTIVATED,
    COMPARES,
    _calls,
    is_bounded_as_probabilities,
)
from nbdebug.instruments.first_step.result import FirstStep
from nbdebug.loss_call import LossCall

BOUNDED = {  # function → the values it can give
    "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf), "relu_": (0.0, math.inf), "relu6": (0.0, 6.0), "softplus": (0.0, math.inf), "exp": (0.0, math.inf),
}  # fmt: skip
SLACK = 0.05  # of the spread of the targets: noise carries a few over an end; our choice
FAR_FROM_NOTHING = 0.25  # of what a guess gets; two classes in -1..1 are below; our choice


@first_step.check("ND305", "head cannot reach the targets", severity=ERROR, advice="end the model with a plain linear layer")
def output_range(step: FirstStep) -> Iterator[Seen]:
    """The last operation of the model cannot give the values that the targets have.

    Wrong: a ReLU, tanh or sigmoid at the end bounds the outputs, and targets outside can never be met.
    Seen: the operation that made the predictions is known with its range; the targets lie outside. For logits, a ReLU
        at the end forbids every answer below zero; a tanh, or cosines that nothing scales, keep them in -1..1, and the loss far above
        zero. What is scaled, shifted or clamped afterwards is followed by interval arithmetic. A softmax over one unit always gives 1.
    Where: the last operation, its module and line.
    Try: remove it, or scale the targets into its range.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), nn.ReLU(), nn.Flatten(0))
        train_loader = DataLoader(TensorDataset(inputs, inputs[:, 20] - 0.5), batch_size=32, shuffle=True)
        loss_fn = nn.MSELoss()
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
        train_loader = DataLoader(TensorDataset(inputs, inputs[:, 20] - 0.5), batch_size=32, shuffle=True)
        loss_fn = nn.MSELoss()
    Source: the range of each function.
    """
    for call in _calls(step):
        if call.made_by in ("softmax", "log_softmax") and call.made_size == 1:
            yield Seen(f"{call.made_by} over a single unit gives the same value whatever comes in", call.made_at, {"units": 1})
        elif call.name in COMPARES and call.made_by in BOUNDED:
            (floor, ceiling), (low, high) = BOUNDED[call.made_by], call.target_range
            slack = 1e-3 * max(1.0, abs(low), abs(high))
            if low < floor - slack or high > ceiling + slack:
                yield Seen(f"{call.made_by} gives {floor:g}..{ceiling:g}, but targets lie in {low:.3g}..{high:.3g}",
                           call.made_at, {"lowest_target": low, "highest_target": high})  # fmt: skip
        elif call.name in COMPARES and _falls_short(call):
            (floor, ceiling), (low, high) = call.reach, call.target_range
            yield Seen(f"the predictions lie in {floor:.3g}..{ceiling:.3g} whatever is learnt, but targets lie in {low:.3g}..{high:.3g}",
                       call.made_at, {"lowest_target": low, "highest_target": high})  # fmt: skip
        elif call.name in ("cross_entropy", "binary_cross_entropy_with_logits") and call.made_by in ("relu", "relu_", "relu6"):
            worse = "so no probability falls below one half" if call.name != "cross_entropy" else "so no class can be ruled out below zero"
            yield Seen(f"{call.made_by} ends the model, {worse}: logits must be free to be negative", call.made_at,
                       {"lowest": call.prediction_range[0]}, None if call.name != "cross_entropy" else WARNING)  # fmt: skip
        elif (floor := _floor_of_narrow(call)) is not None:
            low, high = _reach(call)
            what = "cosines that nothing scales" if call.cosines else "logits"
            yield Seen(
                f"{call.name} gets {what}, which lie in {low:.3g}..{high:.3g} whatever is learnt: the loss cannot fall below {floor:.3g}, and a guess gets {call.chance:.3g}",
                call.made_at, {"floor": floor, "chance": call.chance}, WARNING, "multiply the cosines by a scale of 10 to 30, or one that is learnt" if call.cosines else None,
            )  # fmt: skip


def _falls_short(call: LossCall) -> bool:
    """Whether targets lie clearly outside of what the predictions can be."""
    (floor, ceiling), (low, high) = call.reach, call.target_range
    slack = max(SLACK * (high - low), 1e-3 * max(1.0, abs(low), abs(high)))
    return low < floor - slack or high > ceiling + slack


def _reach(call: LossCall) -> tuple[float, float]:
    return (-1.0, 1.0) if call.cosines else call.reach


def _floor_of_narrow(call: LossCall) -> float | None:
    """The least loss of logits that cannot leave a range, where that is a good part of what a guess gets; None for soft targets and else."""
    low, high = _reach(call)
    hard = call.target_integral and call.target_range[0] >= 0 and call.target_shape != (call.prediction_shape if call.name == "cross_entropy" else ())
    if call.name not in ("cross_entropy", "binary_cross_entropy_with_logits") or not hard or call.chance is None or call.made_by in ACTIVATED or is_bounded_as_probabilities(call):
        return None
    if not math.isfinite(high - low):
        return None
    if call.name == "cross_entropy":
        floor = math.log1p((max(2, call.classes or 2) - 1) * math.exp(low - high))
    else:
        floor = (math.log1p(math.exp(-high)) + math.log1p(math.exp(low))) / 2
    return floor if floor > FAR_FROM_NOTHING * call.chance else None
