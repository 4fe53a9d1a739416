"""What a formula is, and the walks over the tape that recognise one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nbdebug.listening import RESHAPING, Call, Tape
from nbdebug.nonfinite.headroom.rules import ARITHMETIC

PICKING = RESHAPING | frozenset("gather index_select take_along_dim masked_select detach movedim squeeze_copy take".split())
SQUARES = frozenset("square square_".split())
COMPARED = 1 << 16  # elements up to which two tensors are compared number by number; our choice

Swap = Callable[[Call, Tensor], Tensor]  # a recorded call and what goes into it now → what to take for its result
Stretch = Callable[[Tensor, float], Tensor]


def scaled(x: Tensor, factor: float) -> Tensor:
    return x * factor


@dataclass(frozen=True)
class Match:
    """A formula where it was found."""

    name: str  # as one would write it: "log(softmax(x))"
    result: Call  # the last operator of the formula
    reader: Call  # the first; x is what goes into it
    source: Tensor  # x
    advice: str  # the stable function, to paste
    swaps: dict[int, Swap] = field(default_factory=dict)  # index of a call → what the stable formula does in its place
    stretch: Stretch = scaled  # how the training may take x further
    floor: float = 1e-3  # of the typical result: an error is small beside it; our choice
    root_of_difference: bool = False  # a root of what must not be negative, and can be by rounding


def number(call: Call, name: str) -> float | None:
    """The second argument, when it is a number."""
    value = call.argument(1, name)
    return float(value) if isinstance(value, (int, float)) else None


def as_it_is(call: Call, x: Tensor) -> Tensor:
    return x


def ancestors(tape: Tape, call: Call) -> set[int]:
    return {call.index}.union(*(tape.ancestors(tensor) for tensor in call.outputs()))


def picked(tape: Tape, call: Call, tensor: object) -> Call | None:
    """The call that made an argument of this one; choosing, reshaping and retyping are looked through."""
    position = next((i for i, given in enumerate(call.given) if given is tensor), None)
    while position is not None:
        index = call.parents[position] if position < len(call.parents) else -1
        if not 0 <= index < call.index:
            return None
        call, position = tape.calls[index], 0
        if call.name not in PICKING:
            return call
    return None


def one_plus(tape: Tape, call: Call) -> Call | None:
    """What is added to 1 here."""
    if ARITHMETIC.get(call.name) != "add" or len(call.given) != 1:
        return None
    numbers = [a for a in call.args if isinstance(a, (int, float)) and not isinstance(a, bool)]
    return picked(tape, call, call.given[0]) if numbers[:1] == [1] else None


def one_minus(tape: Tape, call: Call) -> Call | None:
    """What is taken from 1 here."""
    if ARITHMETIC.get(call.name) != "rsub" or len(call.given) != 1 or number(call, "other") != 1:
        return None
    return picked(tape, call, call.given[0])


def squared_tensor(call: Call) -> Tensor | None:
    """What this call squares."""
    if call.name in SQUARES or (call.name in ("pow", "__pow__") and number(call, "exponent") == 2):
        return call.given[0] if call.given else None
    twice = ARITHMETIC.get(call.name) == "mul" and len(call.given) == 2 and call.given[0] is call.given[1]
    return call.given[0] if twice else None


def square_of(tape: Tape, call: Call) -> Call | None:
    base = squared_tensor(call)
    return picked(tape, call, base) if base is not None else None


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are one, or the same numbers worked out twice."""
    if one is other:
        return True
    if one.shape != other.shape or one.dtype != other.dtype or one.numel() == 0:
        return False
    return one.data_ptr() == other.data_ptr() or (one.numel() <= COMPARED and torch.equal(one, other))


def exponential_share(tape: Tape, call: Call) -> Call | None:
    """The exponential of exp(x) / (exp(x) and others, added up); None when this quotient is none."""
    above, total = (picked(tape, call, call.argument(i, name)) for i, name in enumerate(("input", "other")))
    if above is None or total is None or ARITHMETIC.get(total.name, total.name) not in ("sum", "add"):
        return None
    if ARITHMETIC.get(above.name) == "sub":  # tanh by hand: (exp(x) - exp(-x)) / (exp(x) + exp(-x))
        above = picked(tape, above, above.argument(0, "input")) or above
    if above.name != "exp" or not above.given:
        return None
    added = [tape.calls[index] for index in ancestors(tape, total)]
    alike = [c for c in added if c.name == "exp" and c.given and same(c.given[0], above.given[0])]
    return min([*alike, above], key=lambda c: c.index) if alike else None
