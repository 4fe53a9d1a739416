"""An activation of what has been through the same one already: softmax of a softmax, also where a distribution takes probabilities for logits."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nbdebug.instruments.first_step.answers import Twice
from nbdebug.listening import RESHAPING, Call, Tape
from nbdebug.loss_call import is_probabilities

NORMALISES = ("softmax", "log_softmax", "logsumexp", "cross_entropy")
SQUEEZES = ("sigmoid", "logsigmoid", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss", "soft_margin_loss")
SCALES = ("mul", "__mul__", "__rmul__", "div", "__truediv__", "true_divide")  # by a plain number: a temperature
GUARDS = ("clamp", "clip")  # against log(0)


def twice(tape: Tape, loss: Tensor) -> tuple[Twice, ...]:
    """Every such pair on the way to the loss, once for each place. With weights between the two, such as in attention, it is none."""
    ways = tape.ancestors(loss)
    found = {str(one.again_at): one for call in reversed(tape.calls) if call.index in ways for one in _of(tape, call)}
    return tuple(reversed(found.values()))


def _of(tape: Tape, call: Call) -> Iterator[Twice]:
    if call.name not in (*NORMALISES, *SQUEEZES) or not call.given:
        return
    first, scaled = _activation_behind(tape, call.given[0])
    if first is None or (not scaled and call.name in ("cross_entropy", "binary_cross_entropy_with_logits")):
        return  # the loss checks tell of those
    same = _is_over_the_same(first, call) if call.name in NORMALISES else first.name == "sigmoid"
    if same:
        low, high = (float(value) for value in first.output.detach().aminmax())
        yield Twice(first.name, call.name, low, high, first.location, call.location)


def _activation_behind(tape: Tape, values: Tensor) -> tuple[Call | None, bool]:
    """The softmax or sigmoid that gave these values, and whether they were scaled since."""
    call, scaled = tape.maker(values), False
    while call is not None and call.parents and (call.name in (*RESHAPING, *GUARDS) or (call.name in SCALES and len(call.given) == 1)):
        scaled = scaled or call.name in SCALES
        call = tape.before(call)
    return (call, scaled) if call is not None and call.name in ("softmax", "sigmoid") else (None, scaled)


def _is_over_the_same(first: Call, again: Call) -> bool:
    """Whether the dimension that is normalised again is the one whose entries add up to one already."""
    values: Tensor = again.given[0].detach()
    dim = 1 if again.name == "cross_entropy" else again.argument(1, "dim", -1)
    if first.name != "softmax" or not isinstance(dim, int) or values.shape != first.output.shape or values.ndim == 0:
        return False
    return is_probabilities(first.output.detach(), dim % values.ndim)
