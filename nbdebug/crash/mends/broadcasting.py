"""Sums and products, element by element, of shapes that do not broadcast."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from nbdebug.crash.building import written
from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.mends.operations import as_it_is, other_pair, pair_of

SUMS = ("add", "sub", "mul", "div", "truediv", "floordiv", "pow", "where", "maximum", "minimum", "add_", "mul_", "sub_", "div_", "iadd", "imul",
        "rsub", "eq", "ne", "lt", "gt", "le", "ge", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "expand", "expand_as")  # fmt: skip


def tries(failure: Failure) -> Iterator[Try]:
    if failure.name in SUMS and "match" in failure.message:
        yield from _broadcast(failure)


def _broadcast(failure: Failure) -> Iterator[Try]:
    pair = pair_of(failure)
    if pair is None:
        return
    a, b = pair
    why = f"{tuple(a.shape)} and {tuple(b.shape)} do not broadcast: from the right, sizes must be equal or 1"
    for position, (x, y) in enumerate((pair, pair[::-1])):
        for what, suffix, how in _reshaped(x, y):
            change = (how, as_it_is) if position == 0 else (as_it_is, how)
            yield Try(what, failure.edit(x, "{}" + suffix, position), other_pair(*change), why)
    if a.ndim == b.ndim == 4 and a.shape[:1] + a.shape[2:] == b.shape[:1] + b.shape[2:]:
        before, after = b.shape[1], a.shape[1]
        projected = lambda t: F.conv2d(t, t.new_zeros(after, before, 1, 1))  # noqa: E731
        why = f"a residual of {before} channels meets {after} channels"
        code = failure.edit(b, "nn.Conv2d(" + f"{before}, {after}, 1)" + "({})", 1)
        yield Try("bring the shortcut to as many channels, with a convolution built in __init__", code, other_pair(as_it_is, projected), why)
    yield from _parameter_of_another_shape(failure, pair, why)
    yield from _unpadded(failure, pair)
    if a.ndim == b.ndim and a.ndim in (3, 4, 5) and a.shape[:2] == b.shape[:2]:
        yield Try("bring the second to the size of the first", failure.edit(b, interpolated(failure, a), 1),
                  other_pair(as_it_is, lambda t: F.interpolate(t, size=a.shape[2:])), why)  # fmt: skip


def _parameter_of_another_shape(failure: Failure, pair: tuple[Tensor, Tensor], why: str) -> Iterator[Try]:
    """A learnt position, a scale: built for another length."""
    for position, (x, y) in enumerate((pair, pair[::-1])):
        if isinstance(x, nn.Parameter) and not isinstance(y, nn.Parameter) and x.ndim == y.ndim:
            shape = tuple(1 if size == 1 else other for size, other in zip(x.shape, y.shape, strict=True))
            change = (lambda t, s=shape: t.new_zeros(s), as_it_is) if position == 0 else (as_it_is, lambda t, s=shape: t.new_zeros(s))
            code = f"{failure.word(x, 'it')} = nn.Parameter(torch.zeros{shape})"
            yield Try(f"build it for what arrives: {shape}", code, other_pair(*change), why)


def _unpadded(failure: Failure, pair: tuple[Tensor, Tensor]) -> Iterator[Try]:
    """A convolution without padding, whose output meets its input."""
    tape = failure.rerun.tape if failure.rerun is not None else None
    for position, (x, y) in enumerate((pair, pair[::-1])):
        made = tape.origin(x) if tape is not None and x.ndim == y.ndim and x.shape[:2] == y.shape[:2] else None
        layer = dict(failure.root.named_modules()).get(made.module) if made is not None and failure.root is not None else None
        if not isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) or not made.name.startswith("conv") or not isinstance(layer.padding, tuple):
            continue
        padding = tuple(d * (k - 1) // 2 for k, d in zip(layer.kernel_size, layer.dilation, strict=True))
        if any(a + 2 * (p - q) != b for a, b, p, q in zip(x.shape[2:], y.shape[2:], padding, layer.padding, strict=True)):
            continue
        missing = [p - q for p, q in zip(padding, layer.padding, strict=True)]
        sides = [side for m in reversed(missing) for side in (m, m)]
        change = (lambda t, s=sides: F.pad(t, s), as_it_is) if position == 0 else (as_it_is, lambda t, s=sides: F.pad(t, s))
        why = f"{made.module} ({type(layer).__name__}) makes {tuple(x.shape[2:])} of {tuple(y.shape[2:])}: it has no padding for its kernel"
        yield Try("pad in the convolution", f"self.{made.module} = {written(layer, {'padding': padding})}", other_pair(*change), why)


def _reshaped(x: Tensor, y: Tensor) -> Iterator[tuple[str, str, Any]]:
    """Ways to make x fit y."""
    if x.ndim == y.ndim + 1 and x.shape[-1] == 1:
        yield "take the dimension of one away", ".squeeze(-1)", lambda t: t.squeeze(-1)
    for dim in range(1, y.ndim + 1) if x.ndim < y.ndim else ():
        if _broadcasts(x.unsqueeze(dim) if dim <= x.ndim else None, y):
            yield "add the dimension it lacks", f".unsqueeze({dim})", lambda t, d=dim: t.unsqueeze(d)
    if 0 < x.ndim < y.ndim and x.shape == y.shape[: x.ndim]:
        ones = ", None" * (y.ndim - x.ndim)
        yield "add the dimensions it lacks", f"[...{ones}]", lambda t: t[(..., *[None] * (y.ndim - x.ndim))]
    if x.ndim == y.ndim and x.ndim > 1:
        for one, other in itertools.combinations(range(x.ndim), 2):
            if x.transpose(one, other).shape == y.shape:
                yield "exchange two dimensions", f".transpose({one}, {other})", lambda t, o=one, p=other: t.transpose(o, p)
    if x.numel() == y.numel() and x.shape != y.shape and x.numel() > 1:
        yield "give both one shape", f".reshape({', '.join(map(str, y.shape))})", lambda t: t.reshape(y.shape)


def _broadcasts(x: Tensor | None, y: Tensor) -> bool:
    if x is None:
        return False
    return all(a == b or 1 in (a, b) for a, b in zip(reversed(x.shape), reversed(y.shape), strict=False))


def interpolated(failure: Failure, like: Tensor) -> str:
    word = failure.word(like, "")
    size = f"{word}.shape[2:]" if word else str(tuple(like.shape[2:]))
    return "nn.functional.interpolate({}, size=" + size + ")"
