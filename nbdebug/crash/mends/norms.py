"""Norm layers: channels where they are not, one value per channel, another width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.mends.kinds import change
from nbdebug.crash.mends.layers import with_layer


def tries(failure: Failure) -> Iterator[Try]:
    if "more than 1 value per channel" in failure.message:
        yield from _one_value(failure)
    elif isinstance(failure.module, nn.modules.batchnorm._BatchNorm):
        yield from _batch_norm(failure)
    elif failure.name == "layer_norm":
        yield from _layer_norm(failure)
    elif failure.name == "group_norm" and (x := failure.tensor("input")) is not None and isinstance(failure.module, nn.GroupNorm):
        why = f"{failure.label} was built for {failure.module.num_channels} channels, and got {tuple(x.shape)}"
        code = failure.layer(num_channels=x.shape[1])
        yield Try(f"build it with num_channels={x.shape[1]}", code, with_layer(failure, num_channels=x.shape[1]), why)


def _one_value(failure: Failure) -> Iterator[Try]:
    x = failure.tensor("input")
    shape = tuple(x.shape) if x is not None else "one value per channel"
    why = f"{failure.label} takes its statistics from the batch, and got {shape}: a batch of one, most often the last of an epoch"
    twice = change("input", lambda t: torch.cat([t, t]))

    def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return twice(call, args, kwargs)[: len(args[0])]

    code = "DataLoader(..., drop_last=True)  # or model.eval() when you do not train"
    yield Try("leave out a last batch of one sample", code, repair, why)


def _batch_norm(failure: Failure) -> Iterator[Try]:
    x, features = failure.tensor("input"), failure.module.num_features
    if x is None:
        return
    shape = tuple(x.shape)
    why = f"{failure.label} wants {features} channels in dimension 1, and got {shape}"
    kinds = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}
    kind = kinds.get(x.ndim)
    if kind is not None and type(failure.module).__name__ in kinds.values() and type(failure.module).__name__ != kind:
        why = f"{type(failure.module).__name__} does not take {x.ndim} dimensions, and got {shape}"
        made = getattr(nn, kind)(features).to(x.device)
        yield Try(f"use nn.{kind}", f"{failure.owner()} = nn.{kind}({features})", lambda call, args, kwargs: made(args[0]), why)
    elif x.ndim > 2 and shape[1] != features and shape[-1] == features:
        order = (0, x.ndim - 1, *range(1, x.ndim - 1))
        back = (0, *range(2, x.ndim), 1)
        there = ".transpose(1, 2)" if x.ndim == 3 else f".permute{order}"
        again = ".transpose(1, 2)" if x.ndim == 3 else f".permute{back}"
        code = failure.edit(x, "{}" + there)
        code = f"{code}{again}" if code.endswith(")") else code

        def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return change("input", lambda t: t.permute(order))(call, args, kwargs).permute(back)

        yield Try("put the channels second for it, and back", code, repair, why)
    if x.ndim > 1 and shape[1] != features:
        code = failure.layer(num_features=shape[1])
        yield Try(f"build it with num_features={shape[1]}", code, with_layer(failure, num_features=shape[1]), why)


def _layer_norm(failure: Failure) -> Iterator[Try]:
    x, module = failure.tensor("input"), failure.module
    wanted = tuple(failure.given.get("normalized_shape", ()))
    if x is None or not wanted or len(wanted) > x.ndim:
        return
    got = tuple(x.shape[-len(wanted) :])
    why = f"{failure.label} was built for {wanted}, and what arrives ends in {got}"
    if len(wanted) == 1 and wanted[0] in x.shape[1:-1]:
        dim = list(x.shape).index(wanted[0], 1)

        def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return change("input", lambda t: t.transpose(dim, -1))(call, args, kwargs).transpose(dim, -1)

        code = failure.edit(x, "{}" + f".transpose({dim}, -1)")
        code = f"{code}.transpose({dim}, -1)" if code.endswith(")") else code
        yield Try("put that dimension last for it, and back", code, repair, why)
    if isinstance(module, nn.LayerNorm):
        code = failure.layer(normalized_shape=got)
        yield Try("build it for what arrives", code, with_layer(failure, normalized_shape=got), why)
