"""Layers whose weights want another shape than what arrived: linear, convolution, recurrent, embedding."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.crash.building import rebuilt
from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.mends.kinds import change


def tries(failure: Failure) -> Iterator[Try]:
    if failure.name == "linear":
        yield from _linear(failure)
    elif failure.name.startswith("conv"):
        yield from _convolution(failure)
    elif failure.name == "embedding":
        yield from _embedding(failure)
    elif failure.name in ("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"):
        yield from _recurrent(failure)


def with_layer(failure: Failure, first: Any = None, **changes: Any) -> Any:
    """Calls a fresh layer with other arguments in place of the one that raised; `first` changes its input before."""

    def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        layer = rebuilt(failure.module, changes)
        given = args[:1] if failure.raised is not None and failure.raised.module is None else args
        if not given:
            given = (kwargs["input"],)
        return layer(*((first(given[0]), *given[1:]) if first is not None else given))

    return repair


def _linear(failure: Failure) -> Iterator[Try]:
    x, weight = failure.tensor("input"), failure.tensor("weight")
    if x is None or weight is None or x.ndim == 0 or weight.ndim != 2 or x.shape[-1] == weight.shape[1]:
        return
    wanted, got, shape = weight.shape[1], x.shape[-1], tuple(x.shape)
    why = f"{failure.label} wants {wanted} in the last dimension, and got {got} in {shape}"
    for start in range(1, x.ndim - 1):
        if math.prod(shape[start:]) == wanted:
            yield Try("flatten before it", _flattened(failure, x, start), change("input", lambda t, s=start: t.flatten(s)), why)
    for dim in range(x.ndim - 1):
        if shape[dim] == wanted and (dim or x.ndim == 2):
            code = failure.edit(x, "{}" + f".transpose({dim}, -1)")
            yield Try("put that dimension last", code, change("input", lambda t, d=dim: t.transpose(d, -1)), why)
    if wanted == 1:
        yield Try("add the dimension of one feature", failure.edit(x, "{}.unsqueeze(-1)"), change("input", lambda t: t.unsqueeze(-1)), why)
    if isinstance(failure.module, nn.Linear):
        features = math.prod(shape[1:])
        if x.ndim > 3 and features != wanted:
            code = f"{failure.layer(in_features=features)}\n{_flattened(failure, x, 1)}"
            repair = with_layer(failure, lambda t: t.flatten(1), in_features=features)
            yield Try(f"flatten before it, and build it with in_features={features}", code, repair, why)
        yield Try(f"build it with in_features={got}", failure.layer(in_features=got), with_layer(failure, in_features=got), why)


def _flattened(failure: Failure, x: Tensor, start: int) -> str:
    if failure.node(x, 0) is None:  # inside an nn.Sequential
        return f"nn.Flatten({start if start > 1 else ''})  # before {failure.owner()}"
    return failure.edit(x, "{}" + f".flatten({start})")


def _convolution(failure: Failure) -> Iterator[Try]:
    x, weight = failure.tensor("input"), failure.tensor("weight")
    if x is None or weight is None:
        return
    space = weight.ndim - 2
    groups = failure.given.get("groups", 1)
    groups = groups if isinstance(groups, int) else 1
    wanted = weight.shape[0] if "transpose" in failure.name else weight.shape[1] * groups
    channels = x.shape[1] if x.ndim == space + 2 else x.shape[0] if x.ndim == space + 1 else None
    why = f"{failure.label} wants {wanted} channels, and got {tuple(x.shape)}, whose dimension of channels has {channels}"
    laid_out_otherwise = channels != wanted and x.shape[-1] == wanted
    if x.ndim == space + 2 and laid_out_otherwise:
        order = (0, space + 1, *range(1, space + 1))
        yield _moved(failure, x, f".permute({', '.join(map(str, order))})", lambda t: t.permute(order), "put the channels second", why)
    if x.ndim == space + 1 and channels != wanted:
        if wanted == 1:
            yield _moved(failure, x, ".unsqueeze(1)", lambda t: t.unsqueeze(1), "add the dimension of one channel", why)
        if x.shape[-1] == wanted:
            order = (space, *range(space))
            yield _moved(failure, x, f".permute({', '.join(map(str, order))})", lambda t: t.permute(order), "put the channels first", why)
    if x.ndim == space and wanted == 1:
        yield _moved(failure, x, "[None, None]", lambda t: t[None, None], "add the dimensions of batch and channel", why)
    if x.ndim == space + 2 and channels == 1 and wanted == 3:
        sizes = ", ".join(["-1", "3", *["-1"] * space])
        yield _moved(failure, x, f".expand({sizes})", lambda t: t.expand(-1, 3, *[-1] * space), "repeat the one channel three times", why)
    if channels not in (None, wanted) and not laid_out_otherwise and x.ndim == space + 2 and hasattr(failure.module, "in_channels"):
        code = failure.layer(in_channels=channels)
        yield Try(f"build it with in_channels={channels}", code, with_layer(failure, in_channels=channels), why)
    if "Kernel size can't be greater" in failure.message and hasattr(failure.module, "padding"):
        kernel = failure.module.kernel_size
        padding = tuple(size // 2 for size in kernel)
        why = f"{failure.label} has a kernel of {tuple(kernel)}, larger than what arrives: {tuple(x.shape)}"
        yield Try("pad, or pool less before it", failure.layer(padding=padding), with_layer(failure, padding=padding), why)


def _moved(failure: Failure, x: Tensor, suffix: str, how: Any, what: str, why: str) -> Try:
    return Try(what, failure.edit(x, "{}" + suffix), change("input", how), why)


def _embedding(failure: Failure) -> Iterator[Try]:
    ids, table = failure.tensor("input"), failure.tensor("weight")
    if ids is None or table is None or ids.is_floating_point() or not ids.numel() or ids.is_meta:
        return
    low, high, rows = int(ids.min()), int(ids.max()), table.shape[0]
    word = failure.word(ids, "its ids")
    if low < 0:
        why = f"{word} go down to {low}, and {failure.label} has the rows 0 to {rows - 1}"
        yield Try("give padding an id of its own, such as 0", failure.edit(ids, "{}.clamp(min=0)"), change("input", lambda t: t.clamp(min=0)), why)
    if high >= rows:
        why = f"{word} go up to {high}, and {failure.label} has the rows 0 to {rows - 1}"
        code = f"{failure.layer(num_embeddings=high + 1)}  # num_embeddings: the largest id + 1"
        grown = lambda t: torch.cat([t, t.new_zeros(high + 1 - rows, t.shape[1])])  # noqa: E731
        yield Try(f"build it with num_embeddings={high + 1} or more", code, _grown_table(grown), why)
        if low == 1 and high == rows:
            yield Try("count the ids from 0", failure.edit(ids, "{} - 1"), change("input", lambda t: t - 1), why)


def _grown_table(grown: Any) -> Any:
    def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if "weight" in kwargs:
            return call(*args, **{**kwargs, "weight": grown(kwargs["weight"])})
        return call(args[0], grown(args[1]), *args[2:], **kwargs)

    return repair


def _recurrent(failure: Failure) -> Iterator[Try]:
    x, module = failure.tensor("input"), failure.module
    if x is None or not hasattr(module, "input_size"):
        return
    size, shape = module.input_size, tuple(x.shape)
    if x.ndim and shape[-1] != size:
        why = f"{failure.label} wants {size} features in the last dimension, and got {shape}"
        for dim in range(1, x.ndim - 1):
            if shape[dim] == size:
                code = failure.edit(x, "{}" + f".transpose({dim}, {x.ndim - 1})")
                yield Try("put the features last", code, change("input", lambda t, d=dim: t.transpose(d, -1)), why)
        if size == 1:
            yield Try("add the dimension of one feature", failure.edit(x, "{}.unsqueeze(-1)"), change("input", lambda t: t.unsqueeze(-1)), why)
        yield Try(f"build it with input_size={shape[-1]}", failure.layer(input_size=shape[-1]), with_layer(failure, input_size=shape[-1]), why)
    elif "hidden" in failure.message and (hidden := next((v for n, v in failure.given.items() if n == "hx"), None)) is not None:
        why = f"{failure.label} got a hidden state of another batch: {failure.message}"
        if not getattr(module, "batch_first", True):
            code = failure.layer(batch_first=True)
            yield Try("say that the batch comes first", code, with_layer(failure, batch_first=True), why)
        yield Try("begin with no hidden state when the batch changes", failure.edit(hidden, "None", 1), change("other", lambda t: None), why)
