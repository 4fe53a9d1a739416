"""Formulas that overflow or lose their digits where a stable one exists, found in the graph of a step."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nbdebug.listening import Call, Tape
from nbdebug.nonfinite.headroom.edges import DIVISIONS, OF_A_NUMBER, bare_name
from nbdebug.nonfinite.headroom.logarithms import logarithm
from nbdebug.nonfinite.headroom.origins import (
    Match,
    as_it_is,
    exponential_share,
    number,
    one_plus,
    picked,
    same,
    square_of,
    squared_tensor,
)
from nbdebug.nonfinite.headroom.rules import ARITHMETIC

MATRIX_PRODUCTS = frozenset("matmul mm bmm __matmul__ einsum".split())
FARTHEST = 12  # operators between the root of a distance and its squares; our choice


def matches(tape: Tape, reached: set[int]) -> list[Match]:
    """The formulas on the way to the loss, the outermost one where one lies in another."""
    found = [match for call in tape.calls if not reached or call.index in reached for match in _at(tape, call)]
    inner = {index for match in found for index in calls_of(tape, match) if index != match.result.index}
    return [match for match in found if match.result.index not in inner]


def calls_of(tape: Tape, match: Match) -> set[int]:
    """Indices of the operators that make up the formula, from the first to the last."""
    found: set[int] = set()
    ahead = [match.result.index]
    while ahead:
        index = ahead.pop()
        if index in found or index < match.reader.index:
            continue
        found.add(index)
        ahead.extend(p for p in tape.calls[index].parents if p >= match.reader.index)
    return found


def _at(tape: Tape, call: Call) -> Iterator[Match]:
    name = bare_name(call)
    if name in ("log", "log1p"):
        yield from logarithm(tape, call, name)
    elif call.name in DIVISIONS or call.name in OF_A_NUMBER:
        yield from _quotient(tape, call)
    elif ARITHMETIC.get(call.name) == "sub":
        yield from _variance(tape, call)
    elif name == "sqrt" or (name in ("pow", "__pow__") and number(call, "exponent") == 0.5):
        yield from _distance(tape, call)
    elif name in ("sum", "mean") and call.given:
        yield from _half_sum(tape, call)


# -- quotients, differences, roots ------------------------------------------------------------------------------


def _quotient(tape: Tape, call: Call) -> Iterator[Match]:
    if call.name in DIVISIONS and (exp := exponential_share(tape, call)) is not None:
        yield _share(tape, call, exp)
        return
    one_over = call.name in OF_A_NUMBER and (bare_name(call) == "reciprocal" or number(call, "other") == 1)
    below = picked(tape, call, call.argument(0, "input")) if one_over else None
    exp = one_plus(tape, below) if below is not None else None
    if exp is not None and exp.name == "exp":
        swaps = {exp.index: lambda c, x: torch.sigmoid(-x), below.index: as_it_is, call.index: as_it_is}
        yield Match("1 / (1 + exp(x))", call, exp, exp.given[0], "torch.sigmoid(-x)", swaps)


def _share(tape: Tape, call: Call, exp: Call) -> Match:
    above, total = (picked(tape, call, call.argument(i, name)) for i, name in enumerate(("input", "other")))
    if above is not None and ARITHMETIC.get(above.name) == "sub":
        name, advice = "(exp(x) - exp(-x)) / (exp(x) + exp(-x))", "torch.tanh(x)"
        return Match(name, call, exp, exp.given[0], advice, stretch=lambda x, k: k * x.abs())
    if total is not None and total.name == "sum":
        return Match("exp(x) / exp(x).sum()", call, exp, exp.given[0], "torch.softmax(x, dim)")
    return Match("exp(x) / (exp(x) + exp(y))", call, exp, exp.given[0], "torch.sigmoid(x - y), or torch.softmax over the stacked scores")


def _variance(tape: Tape, call: Call) -> Iterator[Match]:
    """E[x²] - E[x]²."""
    left, right = (picked(tape, call, call.argument(i, name)) for i, name in enumerate(("input", "other")))
    if left is None or right is None or left.name != "mean":
        return
    squared, root = picked(tape, left, left.argument(0, "input")), square_of(tape, right)
    base = squared_tensor(squared) if squared is not None else None
    if squared is None or base is None or root is None or root.name != "mean" or not same(base, root.given[0]):
        return
    dim = root.argument(1, "dim")

    def offset(x: Tensor, factor: float) -> Tensor:
        return x + (factor - 1) * (x.mean() if dim is None else x.mean(dim, keepdim=True))

    reader = squared if squared.index < root.index else root
    yield Match("mean(x²) - mean(x)²", call, reader, base, "x.var(dim, unbiased=False)", stretch=offset)


def _distance(tape: Tape, call: Call) -> Iterator[Match]:
    """The root of |x|² + |y|² - 2 x·y."""
    terms = list(_terms(tape, call, call.argument(0, "input"), FARTHEST))
    insides = [picked(tape, t, t.argument(0, "input")) for t in terms if t.name == "sum"]
    squares = [s for s in insides if s is not None and squared_tensor(s) is not None]
    products = [t for t in terms if t.name in MATRIX_PRODUCTS]
    if not squares or not products or len(terms) > FARTHEST:
        return
    first = min([*squares, *products], key=lambda c: c.index)
    yield Match(
        "sqrt(|x|² + |y|² - 2 x·y)", call, first, first.given[0], 'torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")',
        stretch=lambda x, k: x, floor=0.1, root_of_difference=True,
    )  # fmt: skip


def _terms(tape: Tape, call: Call, tensor: object, depth: int) -> Iterator[Call]:
    """What is added up in a tensor."""
    made = picked(tape, call, tensor)
    if made is None or depth == 0:
        return
    kind = ARITHMETIC.get(made.name, bare_name(made))
    if kind in ("add", "sub", "rsub", "clamp", "clamp_min", "relu", "neg") or (kind == "mul" and len(made.given) == 1):
        for given in made.given:
            yield from _terms(tape, made, given, depth - 1)
    else:
        yield made


def _half_sum(tape: Tape, call: Call) -> Iterator[Match]:
    """Squares or values added up in float16, which ends at 65504."""
    if not call.outputs() or call.outputs()[0].dtype != torch.float16 or call.given[0].dtype != torch.float16:
        return
    inside = picked(tape, call, call.argument(0, "input"))
    base = squared_tensor(inside) if inside is not None else None
    if inside is not None and base is not None:
        yield Match(f"(x²).{call.name}() in float16", call, inside, base, f"x.float().square().{call.name}(dim)")
    elif call.name == "sum":
        yield Match("x.sum() in float16", call, call, call.given[0], "x.float().sum(dim)")
