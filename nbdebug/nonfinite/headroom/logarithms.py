"""Logarithms of what torch has a logarithm for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from nbdebug.listening import Call, Tape
from nbdebug.nonfinite.headroom.edges import DIVISIONS
from nbdebug.nonfinite.headroom.origins import (
    Match,
    Swap,
    as_it_is,
    exponential_share,
    one_minus,
    one_plus,
    picked,
    square_of,
)

SCALES = frozenset("neg __neg__ mul __mul__ __rmul__ div __truediv__ sum".split())  # between x and what it is the negative of
SIGMOIDS = frozenset("sigmoid sigmoid_ special_expit".split())


def logarithm(tape: Tape, call: Call, name: str) -> Iterator[Match]:
    """The formula that ends in this log or log1p."""
    inside = picked(tape, call, call.argument(0, "input"))
    rules = LOGARITHMIC if name == "log" else (_log_of_one_more,)
    found = (rule(tape, call, inside) for rule in rules) if inside is not None else ()
    yield from [match for match in found if match is not None][:1]


def _log_softmax(tape: Tape, call: Call, inside: Call) -> Match | None:
    advice = "F.log_softmax(x, dim), or F.cross_entropy on the logits"
    if inside.name == "softmax" and inside.given:
        swaps = {inside.index: lambda c, x: F.log_softmax(x, c.argument(1, "dim")), call.index: as_it_is}
        return Match("log(softmax(x))", call, inside, inside.given[0], advice, swaps)
    if inside.name in DIVISIONS and (exp := exponential_share(tape, inside)) is not None:
        return Match("log(exp(x) / exp(x).sum())", call, exp, exp.given[0], advice)
    return None


def _log_sigmoid(tape: Tape, call: Call, inside: Call) -> Match | None:
    flipped = one_minus(tape, inside)
    source = flipped or inside
    if source.name not in SIGMOIDS or not source.given:
        return None
    return _sigmoid_match("log(1 - sigmoid(x))" if flipped else "log(sigmoid(x))", call, source, {inside.index} if flipped else set())


def _sigmoid_match(name: str, call: Call, source: Call, between: set[int]) -> Match:
    sign = "-" if "-" in name else ""
    swaps: dict[int, Swap] = {source.index: lambda c, x: F.logsigmoid(-x if sign else x)}
    swaps |= dict.fromkeys((*between, call.index), as_it_is)
    advice = f"F.logsigmoid({sign}x), or F.binary_cross_entropy_with_logits on the logits"
    return Match(name, call, source, source.given[0], advice, swaps)


def _log_sum(tape: Tape, call: Call, inside: Call) -> Match | None:
    if inside.name not in ("sum", "mean"):
        return None
    exp = picked(tape, inside, inside.argument(0, "input"))
    if exp is None or exp.name != "exp" or not exp.given:
        return None
    return Match(f"log(exp(x).{inside.name}())", call, exp, exp.given[0], "torch.logsumexp(x, dim)")


def _log_with_one(tape: Tape, call: Call, inside: Call) -> Match | None:
    """log(1 + exp(x)), log(1 - exp(x)), log(1 - tanh(x)²)."""
    if (exp := one_plus(tape, inside)) is not None and exp.name == "exp":
        swaps = {exp.index: lambda c, x: F.softplus(x), inside.index: as_it_is, call.index: as_it_is}
        return Match("log(1 + exp(x))", call, exp, exp.given[0], "F.softplus(x)", swaps)
    flipped = one_minus(tape, inside)
    if flipped is None:
        return None
    if flipped.name == "exp":
        swaps = {flipped.index: lambda c, x: torch.log(-torch.expm1(x)), inside.index: as_it_is, call.index: as_it_is}
        return Match("log(1 - exp(x))", call, flipped, flipped.given[0], "torch.log(-torch.expm1(x))", swaps, _nearer(tape, flipped))
    root = square_of(tape, flipped)
    if root is None or root.name != "tanh":
        return None
    swaps = {root.index: lambda c, x: 2 * (math.log(2) - x - F.softplus(-2 * x))}
    swaps |= dict.fromkeys((flipped.index, inside.index, call.index), as_it_is)
    return Match("log(1 - tanh(x)²)", call, root, root.given[0], "2 * (math.log(2) - x - F.softplus(-2 * x))", swaps)


def _nearer(tape: Tape, exp: Call) -> Callable[[Tensor, float], Tensor]:
    """How the argument of log(1 - exp(x)) comes nearer to 0: by its factor, or by that of its own exponent where it is -exp(u)."""
    inside = picked(tape, exp, exp.given[0])
    while inside is not None and inside.name in SCALES and inside.given:
        inside = picked(tape, inside, inside.given[0])
    if inside is None or inside.name != "exp":
        return lambda x, k: x / k
    return lambda x, k: torch.where(x.abs() < 1, -x.abs().pow(math.sqrt(k)), x / k)


def _log_of_one_more(tape: Tape, call: Call, inside: Call) -> Match | None:
    """log1p(exp(x)), log1p(-sigmoid(x))."""
    if inside.name == "exp" and inside.given:
        swaps = {inside.index: lambda c, x: F.softplus(x), call.index: as_it_is}
        return Match("log1p(exp(x))", call, inside, inside.given[0], "F.softplus(x)", swaps)
    if inside.name not in ("neg", "__neg__"):
        return None
    source = picked(tape, inside, inside.argument(0, "input"))
    if source is None or source.name not in SIGMOIDS or not source.given:
        return None
    return _sigmoid_match("log1p(-sigmoid(x))", call, source, {inside.index})


def _log_product(tape: Tape, call: Call, inside: Call) -> Match | None:
    if inside.name not in ("prod", "cumprod") or not inside.given:
        return None
    advice = "torch.log(x).sum(dim): the logarithms before the product"
    return Match(f"log(x.{inside.name}())", call, inside, inside.given[0], advice, stretch=lambda x, k: x.clamp_min(0) ** k)


LOGARITHMIC = (_log_softmax, _log_sigmoid, _log_sum, _log_with_one, _log_product)
