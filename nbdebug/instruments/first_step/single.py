"""Operations that have a single value to work on, and give the same whatever it is: a softmax over one score, a norm of one feature."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn

from nbdebug.instruments.first_step.answers import Single
from nbdebug.instruments.first_step.operators import PASSING
from nbdebug.listening import RESHAPING, Call, Tape

SOFTMAXES = ("softmax", "softmin")
CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")


def singles(tape: Tape) -> tuple[Single, ...]:
    """Of the calls in the model, each line once."""
    found = {str(call.location): one for call in reversed(tape.calls) if call.in_model and (one := _single(tape, call)) is not None}
    return tuple(reversed(found.values()))


def _single(tape: Tape, call: Call) -> Single | None:
    given = call.inputs()[0] if call.inputs() else None
    if given is None or not given.is_floating_point() or given.numel() < 2:
        return None
    if call.name in SOFTMAXES and given.ndim > 2 and _one_unit(tape, call, given):
        others = [d for d in range(1, given.ndim) if given.shape[d] > 1]
        return Single(call.name, tuple(given.shape), others[-1], call.location) if others else None
    if call.name == "layer_norm" and math.prod(call.argument(1, "normalized_shape", (0,))) == 1:
        return Single(call.name, tuple(given.shape), None, call.location)
    if call.name == "group_norm" and given.ndim > 1 and given[0].numel() == call.argument(1, "num_groups", 0):
        return Single(call.name, tuple(given.shape), None, call.location)
    return None


def _one_unit(tape: Tape, call: Call, given: Tensor) -> bool:
    """Whether it competes along a dimension of one, and that is one by construction: the scores come from a layer with a single unit."""
    dim = call.argument(1, "dim")
    if not isinstance(dim, int) or given.shape[dim] != 1:
        return False
    return any(1 in shape for shape in _units(tape, given))


def _units(tape: Tape, tensor: Tensor) -> Iterator[tuple[int, ...]]:
    """The units of the layer that made a tensor, looked for through reshaping, scaling and masking."""
    call = tape.maker(tensor)
    while call is not None and (call.name in RESHAPING or call.name in PASSING):
        call = tape.before(call)
    if call is None or len(call.inputs()) < 2 or not isinstance(call.inputs()[1], nn.Parameter):
        return
    weight = call.inputs()[1]
    if call.name == "linear" or call.name in CONVOLUTIONS:
        yield tuple(weight.shape[:1])
    elif call.name in ("matmul", "__matmul__", "mm"):
        yield tuple(weight.shape[-1:])
