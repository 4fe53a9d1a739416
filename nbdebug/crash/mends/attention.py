"""Attention: masks of another shape or dtype, another width."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.mends.layers import with_layer
from nbdebug.crash.mends.values import nearest_divisor

ATTENTION = ("multi_head_attention_forward", "MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder", "scaled_dot_product_attention")


def tries(failure: Failure) -> Iterator[Try]:
    if failure.name not in ATTENTION:
        return
    for name in ("key_padding_mask", "attn_mask", "mask", "src_key_padding_mask"):
        mask = failure.given.get(name)
        if isinstance(mask, Tensor):
            yield from _mask(failure, name, mask)
    yield from _width(failure)


def _mask(failure: Failure, name: str, mask: Tensor) -> Iterator[Try]:
    word = failure.word(mask, name)
    why = f"{failure.label} got {word} as {tuple(mask.shape)}: {failure.message}"
    if not mask.is_floating_point() and mask.dtype != torch.bool:
        yield Try("make the mask boolean", failure.edit(mask, "{}.bool()", None), _masked(name, Tensor.bool), why)
    if mask.ndim == 2:
        yield Try("transpose the mask: (batch, keys)", failure.edit(mask, "{}.T", None), _masked(name, lambda m: m.T), why)
    if mask.ndim == 2 and failure.name == "scaled_dot_product_attention":
        yield Try("one mask a sample, for all heads and queries", failure.edit(mask, "{}[:, None, None, :]", None), _masked(name, lambda m: m[:, None, None, :]), why)
    if mask.ndim == 3:
        yield Try("one mask for all heads", failure.edit(mask, "{}[0]", None), _masked(name, lambda m: m[0]), why)
    heads = getattr(failure.module, "num_heads", None)
    if mask.ndim == 3 and heads:
        how = f".repeat_interleave({heads}, dim=0)"
        yield Try("one mask for each head", failure.edit(mask, "{}" + how, None), _masked(name, lambda m: m.repeat_interleave(heads, 0)), why)


def _masked(name: str, how: Any) -> Any:
    def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name in kwargs:
            return call(*args, **{**kwargs, name: how(kwargs[name])})
        return call(*[how(a) if isinstance(a, Tensor) and i > 2 else a for i, a in enumerate(args)], **kwargs)  # behind query, key, value

    return repair


def _width(failure: Failure) -> Iterator[Try]:
    matched = re.search(r"expecting embedding dimension of (\d+), but got (\d+)", failure.message)
    module = failure.module
    if matched is None or not isinstance(module, nn.MultiheadAttention):
        return
    wanted, got = map(int, matched.groups())
    why = f"{failure.label} was built for a width of {wanted}, and what arrives has {got}"
    query = failure.tensor("query")
    if query is not None and wanted in query.shape:
        dim = list(query.shape).index(wanted)
        turned = lambda call, args, kwargs: call(*[_turned(a, wanted, dim) for a in args], **kwargs)  # noqa: E731
        yield Try("put the width last", failure.edit(query, "{}" + f".transpose({dim}, -1)"), turned, why)
    if any(type(r.module).__module__ == "torch.nn.modules.transformer" for r in failure.scene.running):
        yield Try(f"build its layers with d_model={got}, or bring what arrives to {wanted} before", f"nn.Linear({got}, {wanted})", None, why)
        return
    heads = nearest_divisor(got, module.num_heads)
    code = failure.layer(embed_dim=got, num_heads=heads, kdim=got, vdim=got)
    yield Try(f"build it with embed_dim={got}", code, with_layer(failure, embed_dim=got, num_heads=heads, kdim=got, vdim=got), why)


def _turned(value: Any, width: int, dim: int) -> Any:
    return value.transpose(dim, -1) if isinstance(value, Tensor) and value.ndim > dim and value.shape[dim] == width else value
