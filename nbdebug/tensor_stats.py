"""Tensor → plain numbers: the only place that detaches, moves to the CPU and syncs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

LOWEST, HIGHEST = -24, 16  # 2^-24 is the smallest step of float16, 2^16 its overflow
BIN_LABELS = ("<2^-24", *(f"2^{k}" for k in range(LOWEST, HIGHEST)), "≥2^16")
BINS = len(BIN_LABELS)


@dataclass(frozen=True)
class TensorStats:
    """Of all elements, the implicit zeros of sparse tensors included; of complex numbers their magnitude.

    `zeros + nan + positive_inf + negative_inf + sum(magnitudes) == count`, except on the meta device, where
    nothing but `count` is known. Moments are over the finite elements, None when there are none.
    """

    count: int
    zeros: int = 0
    nan: int = 0
    positive_inf: int = 0
    negative_inf: int = 0
    mean: float | None = None
    std: float | None = None  # of the whole population, not of a sample
    rms: float | None = None
    min: float | None = None
    max: float | None = None
    magnitudes: tuple[int, ...] = (0,) * BINS  # non-zero finite |x| per bin [2^k, 2^(k+1)), under and over at the ends

    @property
    def finite(self) -> int:
        return self.zeros + sum(self.magnitudes)

    def shares(self) -> tuple[float, ...]:
        """Of the finite elements: the share of zeros, then of each magnitude bin."""
        total = max(1, self.finite)
        return tuple(count / total for count in (self.zeros, *self.magnitudes))

    @property
    def norm(self) -> float | None:
        """Euclidean norm of the finite elements."""
        return None if self.rms is None else self.rms * math.sqrt(self.finite)


def measure(tensor: Tensor) -> TensorStats:
    """The statistics of one tensor of any dtype, layout and device."""
    return measure_all([tensor])[0]


def measure_all(tensors: Iterable[Tensor]) -> list[TensorStats]:
    """The same for many, in one host transfer per device (one more per tensor that holds NaN or Inf)."""
    given = list(tensors)
    held = [_real_values(tensor) for tensor in given]
    rows = _to_host([_row(values) for values in held])
    return [_stats(tensor, values, row) for tensor, values, row in zip(given, held, rows, strict=True)]


def combined(parts: Iterable[TensorStats]) -> TensorStats:
    """The statistics of all parts laid end to end."""
    several = list(parts)
    known = [part for part in several if part.rms is not None]
    finite = sum(part.finite for part in known)
    counts = {
        name: sum(getattr(part, name) for part in several)
        for name in ("count", "zeros", "nan", "positive_inf", "negative_inf")
    }
    magnitudes = tuple(map(sum, zip(*(part.magnitudes for part in several), strict=True))) or (0,) * BINS
    if not finite:
        return TensorStats(**counts, magnitudes=magnitudes)
    mean = math.fsum(part.mean * part.finite for part in known) / finite
    spread = math.fsum((part.std**2 + (part.mean - mean) ** 2) * part.finite for part in known) / finite
    square = math.fsum(part.rms**2 * part.finite for part in known) / finite
    return TensorStats(
        **counts, mean=mean, std=math.sqrt(spread), rms=math.sqrt(square), magnitudes=magnitudes,
        min=min(part.min for part in known), max=max(part.max for part in known),
    )  # fmt: skip


def rms(tensor: Tensor) -> float:
    """Root mean square of the stored elements (a sparse gradient's touched rows only); 0 for an empty tensor."""
    return norms([tensor])[0] / math.sqrt(max(1, _stored(tensor.detach()).numel()))


def norms(tensors: Sequence[Tensor]) -> list[float]:
    """Euclidean norms, in one host transfer per device; NaN or Inf where the tensor holds one, NaN on meta."""
    return [row[0] for row in _to_host([_norm(_real_values(tensor)) for tensor in tensors])]


def to_floats(tensor: Tensor) -> list[float]:
    """The elements of a small tensor, flattened, in one host transfer."""
    return [float(value) for value in _real_values(tensor).reshape(-1).tolist()]


# -- on the tensor's own device -----------------------------------------------------------------------------------


def _stored(tensor: Tensor) -> Tensor:
    """The elements that are really there: no implicit zeros, no quantised codes, no padding."""
    if tensor.is_quantized:
        return tensor.dequantize()
    if tensor.is_mkldnn:
        return tensor.to_dense()
    if tensor.layout == torch.sparse_coo:
        return tensor.coalesce().values()
    if tensor.layout != torch.strided or tensor.is_nested:
        return tensor.values()
    return tensor


def _real_values(tensor: Tensor) -> Tensor:
    """The stored elements as float32, or as float64 where float32 would lose something."""
    values = _stored(tensor.detach())
    if values.is_complex():
        values = (values.to(torch.complex64) if values.dtype == torch.complex32 else values).abs()
    wide = values.dtype == torch.float64 or not values.is_floating_point()
    if wide and values.device.type == "mps":  # it has no float64
        values = values.cpu()
    return values.to(torch.float64 if wide else torch.float32)


def _row(values: Tensor) -> Tensor:
    """[non-zeros, sum, sum of squares, min, max, counts of the binary exponent…] as float64."""
    if values.numel() == 0 or values.is_meta:
        return torch.zeros(5, dtype=torch.float64, device="cpu")
    accumulate = torch.float32 if values.device.type == "mps" else torch.float64
    low, high = torch.aminmax(values)
    moments = torch.stack([
        torch.count_nonzero(values).to(accumulate),
        values.sum(dtype=accumulate),
        torch.linalg.vector_norm(values, dtype=accumulate).square(),
        low.to(accumulate),
        high.to(accumulate),
    ])  # fmt: skip
    return torch.cat([moments, _exponent_counts(values).to(accumulate)])


def _exponent_counts(values: Tensor) -> Tensor:
    """How often each exponent field of the IEEE format occurs: much faster than a logarithm, and exact."""
    bits, shift, size = (torch.int64, 52, 2048) if values.dtype == torch.float64 else (torch.int32, 23, 256)
    exponents = (values.contiguous().reshape(-1).view(bits) >> shift) & (size - 1)
    return torch.bincount(exponents, minlength=size)


def _norm(values: Tensor) -> Tensor:
    if values.is_meta:
        return torch.full((1,), math.nan)
    accumulate = torch.float32 if values.device.type == "mps" else torch.float64
    return torch.linalg.vector_norm(values, dtype=accumulate).reshape(1)


# -- on the host ----------------------------------------------------------------------------------------------------


def _to_host(rows: Sequence[Tensor]) -> list[list[float]]:
    """All rows as lists, sent over together from each device."""
    by_device: dict[torch.device, list[int]] = {}
    for position, row in enumerate(rows):
        by_device.setdefault(row.device, []).append(position)
    out: list[list[float]] = [[] for _ in rows]
    for positions in by_device.values():
        flat, start = torch.cat([rows[p].double() if rows[p].device.type != "mps" else rows[p] for p in positions]).tolist(), 0
        for p in positions:
            out[p] = flat[start : start + rows[p].numel()]
            start += rows[p].numel()
    return out


def _stats(tensor: Tensor, values: Tensor, row: list[float]) -> TensorStats:
    if tensor.is_meta:
        return TensorStats(tensor.numel())
    count = max(_numel(tensor), values.numel())
    implicit = count - values.numel()
    if values.numel() == 0:
        return _all_zero(count) if count else TensorStats(0)
    nonzero, moments, exponents = int(row[0]), row[1:5], [int(n) for n in row[5:]]
    if exponents[-1]:
        return _with_nonfinite(values, implicit)
    zeros = values.numel() - nonzero
    magnitudes = _bins(exponents, zeros)
    if not math.isfinite(moments[1]):
        return _beyond_squares(values, implicit, magnitudes)
    return _finite_stats(count, zeros + implicit, *moments, magnitudes)


def _with_nonfinite(values: Tensor, implicit: int) -> TensorStats:
    infinite = values[values.isinf()]
    positive = int((infinite > 0).sum())
    clean = measure(values[values.isfinite()])
    parts = combined([clean, _all_zero(implicit)]) if implicit else clean
    return TensorStats(
        values.numel() + implicit, parts.zeros, values.numel() - clean.count - infinite.numel(), positive,
        infinite.numel() - positive, parts.mean, parts.std, parts.rms, parts.min, parts.max, parts.magnitudes,
    )  # fmt: skip


def _finite_stats(
    count: int, zeros: int, total: float, square: float, low: float, high: float, magnitudes: tuple[int, ...]
) -> TensorStats:
    if not sum(magnitudes):
        return _all_zero(count)
    if zeros:
        low, high = min(low, 0.0), max(high, 0.0)  # the implicit zeros count too
    mean = total / count
    spread = 0.0 if low == high else max(0.0, square / count - mean * mean)
    return TensorStats(
        count, zeros, mean=mean, std=math.sqrt(spread), rms=math.sqrt(square / count), min=low, max=high,
        magnitudes=magnitudes,
    )  # fmt: skip


def _beyond_squares(values: Tensor, implicit: int, magnitudes: tuple[int, ...]) -> TensorStats:
    """float64 values whose squares overflow: measured after division by the largest."""
    largest = float(values.abs().max())
    small = combined([measure(values / largest), _all_zero(implicit)] if implicit else [measure(values / largest)])
    scaled = {name: getattr(small, name) * largest for name in ("mean", "std", "rms", "min", "max")}
    return replace(small, **scaled, magnitudes=magnitudes)


def _all_zero(count: int) -> TensorStats:
    return TensorStats(count, zeros=count, mean=0.0, std=0.0, rms=0.0, min=0.0, max=0.0)


def _bins(exponents: list[int], zeros: int) -> tuple[int, ...]:
    """Counts of exponent fields → the fixed bins. Field 0 holds zeros and subnormals, which lie under all bins."""
    bias = len(exponents) // 2 - 1
    first, last = bias + LOWEST, bias + HIGHEST
    under = sum(exponents[:first]) - zeros
    return (under, *exponents[first:last], sum(exponents[last:-1]))


def _numel(tensor: Tensor) -> int:
    return 0 if tensor.is_nested else tensor.numel()  # of a nested tensor only the stored elements count
