"""A loss by hand of yes and no that has no slope wherever the answer is no: `y * output` for a target that should be -1."""

from __future__ import annotations

import torch
from torch import Tensor

from nbdebug.instruments.first_step.answers import Misfit
from nbdebug.listening import Tape
from nbdebug.loss_call import is_probabilities, raw_loss_calls

FEWEST = 8  # samples of either answer
MOST = 0.25  # of the ones may lie beyond a margin, and have no slope either


def unasked(tape: Tape, loss: Tensor, outputs: Tensor | None, targets: Tensor | None) -> Misfit | None:
    """None unless every target of 0 leaves the loss as it is, and the targets of 1 do not.

    Args:
        outputs: of the model, as the loss got them.
        targets: of the batch, of the same shape but for dimensions of one.
    """
    if outputs is None or targets is None or not outputs.requires_grad or raw_loss_calls(tape):
        return None
    goal, made = targets.detach().squeeze(), outputs.detach().squeeze()
    if goal.shape != made.shape or not bool(((goal == 0) | (goal == 1)).all()):
        return None
    if any(is_probabilities(values, d) for values in (made, made.exp()) for d in range(1, made.ndim)):
        return None  # the others of a row are asked about by what they leave
    try:
        (slope,) = torch.autograd.grad(loss, outputs, retain_graph=True, allow_unused=True)
    except Exception:  # a backward of the user's own may raise anything; the real backward pass will tell
        return None
    if slope is None:
        return None
    felt, ones = slope.detach().squeeze() != 0, goal == 1
    zeros, many = int((~ones).sum()), int(ones.sum())
    if min(zeros, many) < FEWEST or bool(felt[~ones].any()) or int(felt[ones].sum()) < (1 - MOST) * many:
        return None
    line = next((call for call in reversed(tape.calls) if call.index in tape.ancestors(loss) and call.line is not None and any(t is targets for t in call.given)), None)
    place = line.location if line is not None else next(c.location for c in reversed(tape.calls) if c.index in tape.ancestors(loss))
    return Misfit(
        "ND404", f"the loss does not look at the outputs where the target is 0, which are {zeros} of {goal.numel()}: only those of 1 teach anything",
        place, {"zeros": zeros, "ones": many}, "where -1 and 1 are meant, 2 * targets - 1; else the other half of the loss, (1 - y) * ..., is missing",
    )  # fmt: skip
