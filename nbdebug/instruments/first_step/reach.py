"""What predictions can be at all, whatever the weights become: `5 * sigmoid(x)` lies in 0..5, `x.clamp(0, 1)` in 0..1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from torch import Tensor

from nbdebug.listening import Call, Tape
from nbdebug.loss_call import LossCall, raw_loss_calls
from nbdebug.nonfinite.headroom.ranges import Ranges


def with_reach(tape: Tape, losses: Iterable[LossCall]) -> Iterator[LossCall]:
    """The calls of torch's losses, in the order of the tape, with the reach of their predictions."""
    for described, call in zip(losses, raw_loss_calls(tape), strict=True):
        yield replace(described, reach=reach_of(tape, call, call.argument(0, "input")))


def reach_of(tape: Tape, call: Call, prediction: Tensor) -> tuple[float, float]:
    """Lowest and highest, by interval arithmetic; infinite where an operator is not known, and of what does not learn."""
    found = Ranges(tape).of(call, prediction)
    return (found.low, found.high) if found.learns and not found.guessed else (-math.inf, math.inf)
