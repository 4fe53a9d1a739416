"""Tensors of another dtype than the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import map_tensors
from nbdebug.crash.failure import Failure, Try, said_of

DTYPES = re.compile(r"dtype|scalar type|ScalarType|Floating|FloatTensor|HalfTensor|LongTensor|not implemented for|floating point|should be the same")
DEVICES = re.compile(r"same device|expected device|device meta|is on cpu|on cuda|different from other tensors on")
CASTS = {torch.float32: ".float()", torch.float64: ".double()", torch.bfloat16: ".bfloat16()", torch.float16: ".half()", torch.int64: ".long()"}


def tries(failure: Failure) -> Iterator[Try]:
    if failure.raised is not None and DTYPES.search(failure.message) and not DEVICES.search(failure.message):
        yield from _indices(failure)
        yield from _floats(failure)


def _indices(failure: Failure) -> Iterator[Try]:
    """Ids and classes are integers."""
    if failure.name == "embedding" and (ids := failure.tensor("input")) is not None and ids.is_floating_point():
        why = f"{failure.label} looks rows up by integer ids, and got {said_of(ids)}"
        yield Try("make the ids integers", failure.edit(ids, "{}.long()"), change("input", Tensor.long), why)
    mask = failure.tensor("mask")
    if failure.name.startswith("masked_fill") and mask is not None and mask.dtype != torch.bool:
        why = f"{failure.name} wants a boolean mask, and got {said_of(mask)}"
        position = list(failure.given).index("mask")
        yield Try("make the mask boolean; where it holds ones, is filled", failure.edit(mask, "{}.bool()", position), _casting(torch.bool, mask.dtype), why)
    index = failure.tensor("index", "indices")
    if index is not None and index.dtype != torch.int64:
        name = "index" if "index" in failure.given else "indices"
        yield Try("make the index integers", failure.edit(index, "{}.long()", list(failure.given).index(name)), change("index", Tensor.long))


def _floats(failure: Failure) -> Iterator[Try]:
    """Two floating dtypes, or integers where floats are wanted: weights say which."""
    if any(t.is_complex() for _, t in failure.all_tensors()):  # no cast keeps both parts
        return
    given = [(n, t) for n, t in failure.all_tensors() if t.is_floating_point() or n in ("input", "self", "tensor", "mat2", "other", "mask")]
    if failure.name in ("embedding", "cross_entropy", "nll_loss", "one_hot", "masked_fill", "masked_fill_") or not given:
        return
    weights = [t for _, t in given if isinstance(t, nn.Parameter)]
    if "not implemented for" in failure.message and weights and weights[0].dtype in (torch.float16, torch.bfloat16):
        why = f"this device has no {failure.name} in {_name(weights[0].dtype)}"
        yield Try("keep the model in float32, with autocast where it helps", f"{failure.owner()}.float()", _casting(torch.float32, weights[0].dtype), why)
        return
    wanted = weights[0].dtype if weights else torch.float32
    others = [(n, t) for n, t in given if t.dtype != wanted and not isinstance(t, nn.Parameter)]
    if weights and _is_odd_one_out(failure, wanted) and failure.module is not None:
        rest = next(p.dtype for p in failure.root.parameters() if p.dtype != wanted)
        why = f"{failure.label} holds its weights in {_name(wanted)}, the model in {_name(rest)}"
        yield Try(f"bring the layer back to {_name(rest)}", f"{failure.owner()}{_cast(rest)}", _casting(rest, wanted), why)
    for name, tensor in others:
        rest = f"its weights are {_name(wanted)}" if weights else f"the others are {_name(wanted)}" if len(given) > len(others) else ""
        why = f"{failure.label} got {failure.word(tensor, name)} in {_name(tensor.dtype)}, and {rest or 'works on floating point numbers'}"
        position = list(failure.given).index(name) if name in failure.given else None
        code = failure.edit(tensor, "{}" + _cast(wanted), position)
        yield Try(f"give it {_name(wanted)}", code, _casting(wanted, tensor.dtype), why)


def _is_odd_one_out(failure: Failure, dtype: torch.dtype) -> bool:
    dtypes = {p.dtype for p in failure.root.parameters() if p.is_floating_point()} if failure.root is not None else set()
    return len(dtypes) > 1


def _cast(dtype: torch.dtype) -> str:
    return CASTS.get(dtype, f".to({dtype})")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _casting(dtype: torch.dtype, odd: torch.dtype) -> Any:
    """Calls again with every tensor of the odd dtype in the other."""

    def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = map_tensors(lambda t: t.to(dtype) if t.dtype == odd else t, (args, kwargs))
        return call(*args, **kwargs)

    return repair


def change(name: str, how: Any) -> Any:
    """Calls again with one tensor changed: the argument of this name, or the first that is positional."""

    def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name in kwargs:
            return call(*args, **{**kwargs, name: how(kwargs[name])})
        position = {"input": 0, "self": 0, "target": 1, "other": 1, "index": 2}.get(name, 0)
        return call(*args[:position], how(args[position]), *args[position + 1 :], **kwargs)

    return repair
