"""Whether all ranks hold the same weights: two whole numbers a parameter, compared, and the weights themselves only where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class Diverged:
    """A parameter that is not the same on all ranks."""

    parameter: str  # the first of them
    count: int  # how many are not
    of: int
    ranks: tuple[int, ...]  # that do not hold what rank 0 holds
    difference: float  # largest, of one weight
    size: float  # RMS of the parameter in rank 0


def digest(parameters: Mapping[str, Tensor]) -> Tensor:
    """(parameters, 2): sum of the bits as whole numbers and of their squares, both modulo 2⁶⁴, so that no order of summing counts."""
    rows = [_of(parameter) for parameter in parameters.values()]
    return torch.stack(rows).cpu() if rows else torch.zeros(0, 2, dtype=torch.int64)


def _of(parameter: Tensor) -> Tensor:
    values = parameter.detach()
    if values.layout != torch.strided or values.is_quantized:
        values = values.dequantize() if values.is_quantized else values.to_dense()
    if values.is_complex():
        values = torch.view_as_real(values.resolve_conj())
    bits = values.contiguous().reshape(-1).view(INTEGERS[values.element_size()])
    whole = bits.to(torch.int64)
    return torch.stack([whole.sum(), (whole * whole).sum()])


def unlike(digests: list[Tensor], names: list[str]) -> tuple[list[str], tuple[int, ...]]:
    """The parameters that some rank holds differently, and the ranks that do not hold what rank 0 holds."""
    differs = torch.stack([(one != digests[0]).any(1) for one in digests])  # (ranks, parameters)
    ranks = tuple(rank for rank, row in enumerate(differs) if bool(row.any()))
    return [name for name, bad in zip(names, differs.any(0).tolist(), strict=True) if bad], ranks


def compared(name: str, count: int, of: int, ranks: tuple[int, ...], values: list[Tensor]) -> Diverged:
    """How far apart one parameter is.

    Args:
        values: of each rank.
    """
    first = values[0].double()
    apart = max(float((value.double() - first).abs().max()) for value in values[1:])
    return Diverged(name, count, of, ranks, apart, float(first.square().mean().sqrt()))
