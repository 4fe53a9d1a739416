"""Single operations: matrix products, view, an index or a dimension that is not there."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.mends.kinds import change

PRODUCTS = ("matmul", "mm", "bmm", "mv", "baddbmm", "addmm")


def tries(failure: Failure) -> Iterator[Try]:
    name = failure.name
    if name in PRODUCTS:
        yield from _product(failure)
    if name in ("view", "reshape", "unflatten", "view_as"):
        yield from _view(failure)
    if "out of bounds for dimension" in failure.message:
        yield from _out_of_bounds(failure)
    if "Dimension out of range" in failure.message:
        yield from _dimension(failure)


def _out_of_bounds(failure: Failure) -> Iterator[Try]:
    """Indexing, gather and their like: an index that the dimension does not have."""
    matched = re.search(r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)", failure.message)
    if matched is None:
        return
    index, dim, size = map(int, matched.groups())
    source = next((t for _, t in failure.all_tensors()), None)
    held = f" of {failure.word(source, 'it')} {tuple(source.shape)}" if source is not None else ""
    why = f"index {index} in dimension {dim}{held}, which has 0 to {size - 1}"
    ids = failure.tensor("index", "indices")
    if ids is not None and int(ids.min()) >= 1 and index == size:
        position = list(failure.given).index("index" if "index" in failure.given else "indices")
        yield Try("count from 0", failure.edit(ids, "{} - 1", position), change("index", lambda t: t - 1), why)
    yield Try(f"look where the index comes from: it must stay below {size}", "", None, why)


def pair_of(failure: Failure) -> tuple[Tensor, Tensor] | None:
    found = [t for _, t in failure.all_tensors()]
    return (found[0], found[1]) if len(found) >= 2 else None


def other_pair(one: Any, other: Any) -> Any:
    """Calls again with the first two tensors changed."""

    def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = list(args)
        at = [i for i, value in enumerate(given) if isinstance(value, Tensor)][:2]
        for position, how in zip(at, (one, other), strict=False):
            given[position] = how(given[position])
        return call(*given, **kwargs)

    return repair


def as_it_is(tensor: Tensor) -> Tensor:
    return tensor


# -- products -----------------------------------------------------------------------------------------------------


def _product(failure: Failure) -> Iterator[Try]:
    pair = pair_of(failure)
    if pair is None or failure.raised is None:
        return
    a, b = pair
    if not (a.ndim and b.ndim):
        return
    why = f"a product wants the last dimension of the one to be the last but one of the other, and got {tuple(a.shape)} and {tuple(b.shape)}"
    turn = lambda t: t.transpose(-2, -1)  # noqa: E731
    if b.ndim > 1 and a.shape[-1] == b.shape[-1]:
        suffix = ".T" if b.ndim == 2 else ".transpose(-2, -1)"
        yield Try("transpose the second", failure.edit(b, "{}" + suffix, 1), other_pair(as_it_is, turn), why)
    if a.ndim > 1 and b.ndim > 1 and a.shape[-2] == b.shape[-2]:
        suffix = ".T" if a.ndim == 2 else ".transpose(-2, -1)"
        yield Try("transpose the first", failure.edit(a, "{}" + suffix, 0), other_pair(turn, as_it_is), why)
    if b.ndim > 1 and a.ndim > 1 and b.shape[-1] == a.shape[-2]:
        yield Try("exchange the two", "", lambda call, args, kwargs: call(b, a), why)


# -- view ---------------------------------------------------------------------------------------------------------


def _view(failure: Failure) -> Iterator[Try]:
    x, source = failure.tensor("self", "input"), failure.source
    if x is None or failure.raised is None:
        return
    if "not compatible" in failure.message:
        why = f"{failure.word(x, 'it')} {tuple(x.shape)} does not lie in memory in that order (it was permuted, or is a part of something)"
        code = _renamed(failure, "view", "reshape")
        yield Try("let it be copied", code, lambda call, args, kwargs: args[0].reshape(*args[1:]), why)
        return
    sizes = failure.raised.args[1:]
    sizes = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list, torch.Size)) else sizes
    if not sizes or not all(isinstance(size, int) for size in sizes):
        return
    why = f"{failure.word(x, 'it')} {tuple(x.shape)} has {x.numel()} elements, and {tuple(sizes)} takes a multiple of {math.prod(s for s in sizes if s > 0)}"
    call = source.expression if source is not None and isinstance(source.expression, ast.Call) else None
    for position in range(len(sizes)):
        rest = [s for i, s in enumerate(sizes) if i != position]
        fits = position == 0 and -1 in rest and x.numel() % (x.shape[0] * math.prod(s for s in rest if s > 0)) == 0
        node = call.args[position] if call is not None and len(call.args) == len(sizes) else None
        if fits:
            new = (x.shape[0], *rest)
            code = source.edited(node, f"{failure.word(x, 'x')}.size(0)") if node is not None else ""
            yield Try("take the batch size from the tensor", code, lambda call, args, kwargs, n=new: args[0].reshape(n), why)
        product = math.prod(rest)
        if -1 not in sizes and product and x.numel() % product == 0:
            new = (*sizes[:position], -1, *sizes[position + 1 :])
            code = source.edited(node, "-1") if node is not None else ""
            yield Try(f"let dimension {position} come out by itself", code, lambda call, args, kwargs, n=new: args[0].reshape(n), why)
    if len(sizes) == 2 and sizes[0] in (-1, x.shape[0]):
        flat = lambda call, args, kwargs: args[0].flatten(1)  # noqa: E731
        yield Try("flatten all but the batch", source.replaced(call, f"{source.segment(call.func.value)}.flatten(1)") if call is not None and isinstance(call.func, ast.Attribute) else "", flat, why)


def _renamed(failure: Failure, old: str, new: str) -> str:
    source = failure.source
    node = source.expression if source is not None else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != old:
        return f"x.{new}(...)"
    text = source.segment(node)
    owner = source.segment(node.func.value)
    return source.replaced(node, f"{owner}.{new}{text[len(source.segment(node.func)) :]}")


# -- a dimension that is not there -------------------------------------------------------------------------------


def with_dim(failure: Failure, dim: int) -> str:
    """The call with another dim, wherever that was said."""
    source = failure.source
    call = source.expression if source is not None else None
    if not isinstance(call, ast.Call):
        return ""
    said = next((k.value for k in call.keywords if k.arg in ("dim", "axis")), None)
    if said is None:
        said = next((a for a in reversed(call.args) if isinstance(a, (ast.Constant, ast.UnaryOp))), None)
    if said is not None:
        return source.replaced(said, str(dim))
    text = source.segment(call)
    return source.replaced(call, f"{text[:-1]}, dim={dim})")


def _dimension(failure: Failure) -> Iterator[Try]:
    x = next((t for _, t in failure.all_tensors()), None)
    matched = re.search(r"but got (-?\d+)", failure.message)
    if x is None or matched is None:
        return
    wrong = int(matched[1])
    why = f"{failure.word(x, 'it')} {tuple(x.shape)} has {x.ndim} dimensions, and {failure.name} was asked for dimension {wrong}"

    def other(dim: int) -> Any:
        def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            swap = lambda v: dim if type(v) is int and v == wrong else v  # noqa: E731
            return call(*map(swap, args), **{k: swap(v) for k, v in kwargs.items()})

        return repair

    for dim in range(-1, max(0, x.ndim - 1)):
        yield Try(f"take dimension {dim}", with_dim(failure, dim), other(dim), why)
