"""What values an operator's input can take at all: interval arithmetic over the tape of a step.

Weights may become anything, data stay of their kind, and every operator passes on what its definition guarantees:
`x ** 2 + 1e-8` never falls below 1e-8, whatever the training does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nbdebug.listening import RESHAPING, Call, Tape
from nbdebug.nonfinite.headroom.origins import picked, same, square_of, squared_tensor
from nbdebug.nonfinite.headroom.rules import (
    ALIGNED,
    ARITHMETIC,
    COMBINED,
    CONSTANTS,
    NOT_NEGATIVE,
    POSITIVE,
    PRODUCTS,
    RANDOM,
    RANDOM_NOT_NEGATIVE,
    SAME,
    SPECIAL,
    SUMS,
    UNBOUNDED,
    UNIT,
    WITH_ZERO,
    WITHIN_ONE,
    Range,
    as_held,
    exponential,
    summed,
)

MEANS = ("mean", "avg_pool1d", "avg_pool2d", "avg_pool3d")


@dataclass
class Ranges:
    """Asked for the range of an argument of a recorded call; remembers what it worked out."""

    tape: Tape
    _constant: set[int] = field(init=False)  # ids of weights and buffers: what they hold is not another batch's to change
    _known: dict[int, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._constant = {id(tensor) for tensor in (*self.tape.model.parameters(), *self.tape.model.buffers())}

    def of(self, call: Call, tensor: object) -> Range:
        """The range of one of the arguments of a call, a tensor or a number.

        What lies behind it is worked out first things first: a recurrence is deeper than Python's stack.
        """
        if isinstance(tensor, Tensor) and any(parent >= 0 and parent not in self._known for parent in call.parents):
            for index in sorted(self.tape.ancestors(tensor)):
                self._made(self.tape.calls[index])
        return self._argument(call, tensor)

    def _argument(self, call: Call, value: object) -> Range:
        if isinstance(value, (bool, int, float)):
            number = as_held(float(value), call)
            return Range(number, number, number > 0)
        position = next((i for i, tensor in enumerate(call.given) if tensor is value), None)
        if not isinstance(value, Tensor) or position is None:
            return Range(guessed=True)
        parent = call.parents[position]
        if not 0 <= parent < call.index:
            return _observed(value) if id(value) in self._constant else _of_data(value)
        maker = self.tape.calls[parent]
        if maker.name in ALIGNED:
            return self._argument(maker, _counterpart(maker, value))
        return self._made(maker)

    def _made(self, call: Call) -> Range:
        if call.index not in self._known:
            self._known[call.index] = self._worked_out(call)
        return self._known[call.index]

    def _worked_out(self, call: Call) -> Range:
        if (written := _written_by(call)) is not None:  # x[i] = y keeps the rest of x
            return self._argument(call, call.given[0]).joined(self._argument(call, written))
        given = [self._argument(call, tensor) for tensor in _read(call)]
        learns = any(r.learns for r in given)
        if call.name in RANDOM:
            return Range(0.0 if call.name in RANDOM_NOT_NEGATIVE else -math.inf, guessed=True)
        if all(tensor.dtype == torch.bool for tensor in call.outputs()):
            return Range(0.0, 1.0)
        if call.name in CONSTANTS:
            return _union([_observed(tensor) for tensor in call.outputs()] or [Range()])
        found = self._by_definition(call, given)
        return replace(found, learns=learns or _requires_grad(call), guessed=found.guessed or any(r.guessed for r in given))

    def _by_definition(self, call: Call, given: list[Range]) -> Range:
        name = call.name
        if name in NOT_NEGATIVE:
            return Range(0.0, 6.0 if name == "relu6" else math.inf)
        if name in UNIT:
            return Range(0.0, 1.0, positive=True)
        if name in ("exp", "exp_") and given:
            return exponential(given[0])
        if name in POSITIVE:
            return Range(1.0 if name == "cosh" else 0.0, math.inf, positive=True)
        if name == "hardtanh":
            return Range(float(call.argument(1, "min_val", -1.0)), float(call.argument(2, "max_val", 1.0)))
        if name in WITHIN_ONE:
            return Range(-1.0, 1.0)
        if name in ARITHMETIC:
            return self._arithmetic(call)
        if name in SAME and given:
            return _union(given)
        if name in WITH_ZERO and given:
            return _union([*given, Range(0.0, 0.0)])
        if name in SUMS and given:
            return summed(given[0], call)
        if name in PRODUCTS and given:
            return Range(0.0, math.inf, all(r.positive for r in given)) if all(r.low >= 0 for r in given) else Range()
        rule = SPECIAL.get(name)
        return rule(call, given) if rule is not None and given else Range(guessed=name not in UNBOUNDED)

    def _arithmetic(self, call: Call) -> Range:
        """Two operands, of which one may be a number."""
        kind = ARITHMETIC[call.name]
        left, right = call.argument(0, "input"), call.argument(1, "other")
        if kind.startswith("r"):
            left, right, kind = right, left, kind[1:]
        if kind == "sub" and is_own_peak(self.tape, call, left, right):
            return Range(-math.inf, 0.0)
        if kind == "sub" and is_spread(self.tape, call, left, right):
            return Range(0.0)
        if left is right and isinstance(left, Tensor):
            return {"mul": Range(0.0), "sub": Range(0.0, 0.0), "div": Range(1.0, 1.0)}.get(kind, self._argument(call, left))
        a, b = self._argument(call, left), self._argument(call, right)
        if "alpha" in call.kwargs or (kind in ("add", "sub") and len(call.args) > 2):
            return Range()
        return COMBINED[kind](a, b)


def _counterpart(maker: Call, tensor: Tensor) -> Tensor | None:
    """The argument that this result is, in another shape."""
    return next((given for given, made in zip(maker.given, maker.outputs(), strict=False) if made is tensor), None)


def _requires_grad(call: Call) -> bool:
    return any(tensor.requires_grad for tensor in call.outputs())


def _read(call: Call) -> list[Tensor]:
    """The tensors whose values come through: of a choice not the condition, of an index not the index."""
    floating = [tensor for tensor in call.given if tensor.is_floating_point()]
    if call.name in ("masked_fill", "masked_fill_", "clamp", "clamp_", "clamp_min", "clamp_min_", "clamp_max", "clamp_max_", "pow"):
        return call.given[:1]
    return floating or call.given


def _written_by(call: Call) -> object | None:
    return call.argument(2, "value") if call.name == "__setitem__" and call.given else None


def _observed(tensor: Tensor) -> Range:
    """Of what is neither computed here nor a weight: what was seen."""
    if tensor.requires_grad:
        return Range(learns=True, guessed=not tensor.is_leaf)  # an autograd function of the user's own
    if tensor.dtype == torch.bool:
        return Range(0.0, 1.0)
    if tensor.numel() == 0 or tensor.is_complex() or tensor.is_meta or tensor.layout != torch.strided or tensor.is_nested:
        return Range()
    low, high = (float(value) for value in torch.aminmax(tensor.detach()))
    return Range(low, high, low > 0) if math.isfinite(low) and math.isfinite(high) else Range()


def _of_data(tensor: Tensor) -> Range:
    """Of a batch only its kind is kept: a mask or a share lies within 0 and 1, a count is not negative."""
    seen = _observed(tensor)
    if seen.learns:
        return seen
    low = next((end for end in (0.0, -1.0) if seen.low >= end), -math.inf)
    return Range(low, 1.0 if seen.high <= 1 else math.inf)


def _union(ranges: list[Range]) -> Range:
    whole = ranges[0]
    for other in ranges[1:]:
        whole = whole.joined(other)
    return whole


def is_own_peak(tape: Tape, call: Call, left: object, right: object) -> bool:
    """x - max(x), and x - logsumexp(x): never above 0."""
    if not (isinstance(left, Tensor) and isinstance(right, Tensor)):
        return False
    maker = tape.origin(right)
    while maker is not None and maker.name in ("detach", *RESHAPING):
        maker = tape.before(maker)
    if maker is None or maker.name not in ("max", "amax", "logsumexp") or not maker.given:
        return False
    ours, theirs = _bare(tape, left), _bare(tape, maker.given[0])
    return ours is theirs or (ours.shape == theirs.shape and ours.data_ptr() == theirs.data_ptr())


def is_spread(tape: Tape, call: Call, left: object, right: object) -> bool:
    """mean(x²) - mean(x)², over everything or in windows: a variance, never below 0 but for its rounding."""
    mean, square = picked(tape, call, left), picked(tape, call, right)
    if mean is None or square is None or mean.name not in MEANS or not mean.given:
        return False
    inside, root = picked(tape, mean, mean.given[0]), square_of(tape, square)
    base = squared_tensor(inside) if inside is not None else None
    alike = root is not None and root.name == mean.name and (root.args[1:], root.kwargs) == (mean.args[1:], mean.kwargs)
    return base is not None and root is not None and alike and same(base, root.given[0])


def _bare(tape: Tape, tensor: Tensor) -> Tensor:
    call = tape.maker(tensor)
    while call is not None and call.name in ("detach", "float", "to", "contiguous") and call.given:
        tensor = call.given[0]
        call = tape.before(call)
    return tensor
