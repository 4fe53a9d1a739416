"""Operators with an edge: beyond it their value is not finite, or on it their derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nbdebug.listening import Call

LOGARITHMS = frozenset("log log2 log10".split())
EXPONENTIALS = {"exp": math.e, "expm1": math.e, "exp2": 2.0, "cosh": math.e, "sinh": math.e}
ROOTS_AT_THE_EDGE = frozenset("acos arccos asin arcsin".split())  # finite there, with a derivative that is not
INVERSE = ROOTS_AT_THE_EDGE | frozenset("atanh arctanh erfinv".split())  # of something within -1 and 1
DIVISIONS = frozenset("div div_ true_divide divide __truediv__ __itruediv__".split())
OF_A_NUMBER = frozenset("__rdiv__ __rtruediv__ reciprocal reciprocal_".split())
NORMALISATIONS = {"layer_norm": 4, "batch_norm": 7, "instance_norm": 7, "rms_norm": 3}  # name → place of eps
UNDONE: dict[str, Callable[[Tensor], Tensor]] = {"log_": torch.exp, "sqrt_": torch.square, "exp_": torch.log, "reciprocal_": torch.reciprocal}

Slope = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Domain:
    """Where an operator is defined."""

    word: str  # the operator as one would say it: "log", "/"
    side: str  # "above", "below", "off" (anywhere but on it) or "within" (both signs) the edge
    edge: float
    steep: bool = False  # on the edge the value is finite, and the derivative is not
    slope: Slope | None = None  # |derivative| at a headroom; None: not asked for

    def headroom(self, operand: Tensor) -> Tensor:
        """How far from the edge, in the operand's own units; negative beyond it."""
        if self.side == "above":
            return operand - self.edge
        if self.side == "below":
            return self.edge - operand
        return operand.abs() if self.side == "off" else self.edge - operand.abs()


@dataclass(frozen=True)
class Meeting:
    """An operator with an edge, and what met there."""

    call: Call
    domain: Domain
    operand: Tensor  # as it came in
    argument: object  # the argument itself, whose range can be asked for; None where the operand is worked out here


def meeting(call: Call) -> Meeting | None:
    """The call as a meeting with an edge; None when it has none, or nothing that can be looked at."""
    if call.name in NORMALISATIONS:
        return _normalisation(call)
    found = _domain(call)
    if found is None:
        return None
    domain, argument = found
    operand = argument
    if call.name in UNDONE:  # it wrote over its argument
        operand = UNDONE[call.name](call.outputs()[0].detach()) if call.outputs() else None
    return Meeting(call, domain, operand.detach(), argument) if _is_readable(operand) else None


def _domain(call: Call) -> tuple[Domain, object] | None:
    name, first = bare_name(call), call.argument(0, "input")
    if name in LOGARITHMS or name == "log1p":
        return Domain(name, "above", -1.0 if name == "log1p" else 0.0, slope=torch.reciprocal), first
    if name == "xlogy":
        return Domain(name, "above", 0.0, slope=torch.reciprocal), call.argument(1, "other")
    if name in ("sqrt", "rsqrt"):
        return _power(name, 0.5 if name == "sqrt" else -0.5, first)
    if call.name in DIVISIONS:
        return Domain("/", "off", 0.0, slope=torch.reciprocal), call.argument(1, "other")
    if call.name in OF_A_NUMBER:
        return Domain("/", "off", 0.0, slope=lambda h: h**-2), first
    if name in EXPONENTIALS:
        return _exponential(call, name, EXPONENTIALS[name], first)
    if name == "__rpow__":
        base = call.argument(1, "other")
        return _exponential(call, "**", float(base), first) if isinstance(base, (int, float)) and base > 1 else None
    if name == "poisson_nll_loss":
        return _exponential(call, "exp in poisson_nll_loss", math.e, first) if call.argument(2, "log_input", True) else None
    if name in INVERSE:
        return Domain(name, "within", 1.0, name in ROOTS_AT_THE_EDGE, lambda h: (h * (2 - h)).rsqrt()), first
    if name in ("pow", "__pow__"):
        exponent = call.argument(1, "exponent")
        return _power(f"** {exponent:g}", exponent, first) if isinstance(exponent, (int, float)) else None
    return None


def _power(word: str, exponent: float, base: object) -> tuple[Domain, object] | None:
    if exponent >= 1 or exponent == 0:
        return None
    whole = exponent == int(exponent)
    return Domain(word, "off" if whole else "above", 0.0, exponent > 0, lambda h: abs(exponent) * h ** (exponent - 1)), base


def _exponential(call: Call, word: str, base: float, argument: object) -> tuple[Domain, object] | None:
    """Its edge is where the precision of its result ends: 88.7 in float32, 11.09 in float16."""
    made = next((t for t in call.outputs() if t.is_floating_point()), None)
    return None if made is None else (Domain(word, "below", math.log(torch.finfo(made.dtype).max) / math.log(base)), argument)


def _normalisation(call: Call) -> Meeting | None:
    """A norm layer without an eps divides by the root of a bare variance. torch works it out in single precision at least."""
    given, eps = call.argument(0, "input"), call.argument(NORMALISATIONS[call.name], "eps", 1e-5)
    if eps is None or not _is_readable(given) or float(torch.tensor(float(eps), dtype=torch.float32)) > 0:
        return None
    values = given.detach()
    values = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
    dims = _normalised(call, values)
    if not dims:
        return None
    spread = values.square().mean(dims) if call.name == "rms_norm" else values.var(dims, unbiased=False)
    return Meeting(call, Domain(f"{call.name} without eps", "above", 0.0), spread, None)


def _normalised(call: Call, values: Tensor) -> tuple[int, ...]:
    """The dimensions over which a norm layer takes its variance."""
    if call.name in ("layer_norm", "rms_norm"):
        shape = call.argument(1, "normalized_shape")
        return tuple(range(values.ndim - len(shape), values.ndim)) if shape is not None else ()
    if call.name == "batch_norm":
        return tuple(d for d in range(values.ndim) if d != 1) if call.argument(5, "training", False) else ()
    return tuple(range(2, values.ndim))


def bare_name(call: Call) -> str:
    """`exp` for `exp_`, which writes over its argument."""
    return call.name if call.name.startswith("__") else call.name.rstrip("_")


def _is_readable(operand: object) -> bool:
    return (
        isinstance(operand, Tensor)
        and operand.is_floating_point()
        and operand.layout == torch.strided
        and not operand.is_nested
        and not operand.is_meta
        and operand.numel() > 0
    )
