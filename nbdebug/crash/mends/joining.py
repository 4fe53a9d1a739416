"""cat and stack of parts that do not fit."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.mends.broadcasting import interpolated
from nbdebug.crash.mends.operations import with_dim

JOINS = ("cat", "concat", "concatenate", "stack", "hstack", "vstack")


def tries(failure: Failure) -> Iterator[Try]:
    if failure.name in JOINS:
        yield from _joined(failure)


def _joined(failure: Failure) -> Iterator[Try]:
    parts = next((v for v in failure.given.values() if isinstance(v, (list, tuple)) and v and all(isinstance(t, Tensor) for t in v)), None)
    if parts is None:
        return
    shapes = [tuple(t.shape) for t in parts]
    why = f"{failure.name} wants equal sizes but in one dimension, and got {', '.join(map(str, shapes[:4]))}"
    first = parts[0]
    if failure.name == "stack":
        if all(t.shape[1:] == first.shape[1:] and t.ndim for t in parts):
            pad = lambda call, args, kwargs: nn.utils.rnn.pad_sequence(list(args[0]), batch_first=True)  # noqa: E731
            source, given = failure.source, failure.node(parts, 0)
            padded = f"nn.utils.rnn.pad_sequence({source.segment(given)}, batch_first=True)" if given is not None else ""
            yield Try("pad them to the longest", source.replaced(source.expression, padded) if padded else "", pad, why)
        return
    if all(t.ndim == first.ndim and t.shape[:1] == first.shape[:1] for t in parts) and first.ndim in (3, 4, 5) and _dim(failure) in (1, 1 - first.ndim):
        odd = next((t for t in parts if t.shape[2:] != first.shape[2:]), None)
        resized = lambda call, args, kwargs: call([_resized(t, first) for t in args[0]], *args[1:], **kwargs)  # noqa: E731
        if odd is not None:
            yield Try("bring it to the size of the first", failure.edit(odd, interpolated(failure, first), None), resized, why)
    for dim in range(first.ndim):
        fits = all(t.ndim == first.ndim and t.shape[:dim] + t.shape[dim + 1 :] == first.shape[:dim] + first.shape[dim + 1 :] for t in parts)
        if fits and dim != _dim(failure):
            code = with_dim(failure, dim)
            yield Try(f"join them along dimension {dim}", code, lambda call, args, kwargs, d=dim: call(args[0], dim=d), why)
    most = max(t.ndim for t in parts)
    for odd in [t for t in parts if t.ndim == most - 1]:
        for dim in range(1, most):
            raised = lambda call, args, kwargs, d=dim: call([t.unsqueeze(d) if t.ndim < most else t for t in args[0]], *args[1:], **kwargs)  # noqa: E731
            yield Try("add the dimension it lacks", failure.edit(odd, "{}" + f".unsqueeze({dim})", None), raised, why)
            longer = next(t for t in parts if t.ndim == most)
            if odd.shape[:dim] + odd.shape[dim:] == longer.shape[:dim] + longer.shape[dim + 1 :] or dim == 1:
                sizes = ", ".join(str(longer.shape[d]) if d == dim else "-1" for d in range(most))
                spread = lambda call, args, kwargs, d=dim, n=longer.shape[dim]: call(  # noqa: E731
                    [t.unsqueeze(d).expand(*[n if e == d else -1 for e in range(most)]) if t.ndim < most else t for t in args[0]], *args[1:], **kwargs)
                yield Try("repeat it along the dimension it lacks", failure.edit(odd, "{}" + f".unsqueeze({dim}).expand({sizes})", None), spread, why)


def _dim(failure: Failure) -> int:
    dim = failure.given.get("dim", failure.given.get("argument 2", 0))
    return dim if isinstance(dim, int) else 0


def _resized(tensor: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(tensor, size=like.shape[2:]) if tensor.shape[2:] != like.shape[2:] else tensor
