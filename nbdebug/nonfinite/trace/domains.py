"""Where mathematics ends: the numbers for which an operator has no finite answer, in any precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nbdebug.nonfinite.trace.ran import Ran

BELOW_ZERO = frozenset(["sqrt", "log", "log2", "log10", "rsqrt", "log1p", "acosh"])
LOGARITHMS = {"log": 0.0, "log2": 0.0, "log10": 0.0, "log1p": -1.0}  # where each has its pole
LEFT = {**LOGARITHMS, "sqrt": 0.0, "rsqrt": 0.0, "acosh": 1.0}  # the left end of each domain
BOUNDED = frozenset(["acos", "asin", "atanh", "erfinv"])  # only from -1 to 1
EXPONENTIALS: dict[str, Callable[[float], float]] = {
    "exp": math.log, "expm1": math.log, "exp2": math.log2, "sinh": lambda m: math.log(m) + math.log(2), "cosh": lambda m: math.log(m) + math.log(2),
}  # fmt: skip
SPREADS = frozenset(["var", "std", "var_mean", "std_mean"])


def broken_rule(ran: Ran, index: int, result: Tensor, places: Tensor) -> tuple[str, str]:
    """("domain" or "overflow", what broke it), or two empty strings when no rule is known to be broken."""
    name, where = ran.op.name.removeprefix("_foreach_"), f"at {int(places.sum())} of {places.numel()} elements{_row(places)}"
    at = partial(_at, ran, index, result, places)
    if ran.given and _floats(ran) == 0:
        return "domain", f"{name} of no elements at all"
    if name in ("div", "reciprocal", "true_divide", "remainder", "fmod"):
        below = at(0 if name == "reciprocal" else 1)
        if below is not None and below.numel() and bool((below == 0).all()):
            return "domain", f"divided by 0 {where}"
        return "", ""
    if name in LEFT:
        return _left_of_domain(name, at(0), where)
    if name in BOUNDED:
        return _out_of_bounds(name, at(0), where)
    if name == "pow":
        return _power(at(0), at(1), where)
    if name in EXPONENTIALS:
        return _exponential(name, at(0), result)
    if name == "mul":
        infinite = any(isinstance(a, float) and math.isinf(a) for a in ran.args)
        return ("inf met inf", f"0 · inf {where}") if infinite and bool(result[places].isnan().any()) else ("", "")
    if name in SPREADS:
        return ("domain", f"the spread of a single number, divided by n - 1 = 0 {where}") if bool(result[places].isnan().all()) else ("", "")
    if name in ("nll_loss_forward", "nll_loss2d_forward"):
        return _no_target(ran)
    if name == "_ctc_loss":
        return "domain", f"{int(places.sum())} of {places.numel()} targets do not fit into the length of their input"
    return "", ""


def _row(places: Tensor) -> str:
    """Where all lie in one row of several: of a batch, one sample."""
    if places.ndim < 2 or len(places) < 2:
        return ""
    rows = places.flatten(1).any(1).nonzero()
    return f", all in row {int(rows)}" if len(rows) == 1 else ""


def _floats(ran: Ran) -> int:
    """How many numbers went in."""
    return sum(g.tensor.numel() for g in ran.given)


def _at(ran: Ran, index: int, result: Tensor, places: Tensor, position: int) -> Tensor | None:
    """What an argument holds at these places of the result, in double precision."""
    value: Any = ran.args[position] if position < len(ran.args) else None
    if ran.op.foreach and isinstance(value, (list, tuple)):
        value = value[index]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return torch.full((1,), float(value), dtype=torch.float64, device="cpu")
    if not isinstance(value, Tensor) or value.is_complex():
        return None
    try:
        return torch.broadcast_to(value.detach(), result.shape)[places].cpu().double()
    except RuntimeError:
        return None


def _left_of_domain(name: str, found: Tensor | None, where: str) -> tuple[str, str]:
    if found is None or not found.numel():
        return "", ""
    least, end = float(found.min()) + 0.0, LEFT[name]  # no -0
    spoken = "1/sqrt" if name == "rsqrt" else name
    if least < end or (least == end and (name in LOGARITHMS or name == "rsqrt")):
        return "domain", f"{spoken} of {least:.6g} {where}"
    return "", ""


def _out_of_bounds(name: str, found: Tensor | None, where: str) -> tuple[str, str]:
    if found is None or not found.numel():
        return "", ""
    farthest = float(found[found.abs().argmax()])
    return "domain", f"{name} of {farthest:.8g} {where}: it takes -1 to 1"


def _power(base: Tensor | None, exponent: Tensor | None, where: str) -> tuple[str, str]:
    if base is None or exponent is None or not base.numel():
        return "", ""
    base, exponent = torch.broadcast_tensors(base, exponent)
    if bool(((base == 0) & (exponent < 0)).any()):
        return "domain", f"0 to the power of {float(exponent[base == 0][0]):g} {where}"
    negative = (base < 0) & (exponent != exponent.round())
    if bool(negative.any()):
        return "domain", f"{float(base[negative][0]):.6g} to the power of {float(exponent[negative][0]):g} {where}"
    return "", ""


def _exponential(name: str, found: Tensor | None, result: Tensor) -> tuple[str, str]:
    if found is None or not found.numel() or not result.is_floating_point():
        return "", ""
    farthest = float(found[found.abs().argmax()])
    dtype = str(result.dtype).removeprefix("torch.")
    return "overflow", f"{name} of {farthest:.4g}: {dtype} ends at {name}({EXPONENTIALS[name](torch.finfo(result.dtype).max):.4g})"


def _no_target(ran: Ran) -> tuple[str, str]:
    targets, ignored = ran.args[1], ran.args[4] if len(ran.args) > 4 else -100
    if isinstance(targets, Tensor) and bool((targets == ignored).all()):
        return "domain", f"all {targets.numel()} targets are {ignored}, which is ignored: the mean of nothing"
    return "", ""
