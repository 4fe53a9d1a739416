"""Is a tensor finite, and what did it hold: answered at once, for an operation in place changes it a moment later."""

from __future__ import annotations

import cmath

import torch
from torch import Tensor

from nbdebug.nonfinite.origin import Values

WHOLE = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # bytes → the integers of that size
NARROW = (torch.float16, torch.bfloat16)


def stored(tensor: Tensor) -> Tensor | None:
    """The numbers that could be NaN: of a sparse tensor its values; None where there are none, or none to be read."""
    if type(tensor).__torch_dispatch__ is not Tensor.__torch_dispatch__:  # a class of tensors that holds no numbers of its own
        return None
    if tensor._is_zerotensor() or torch._C._functorch.is_functorch_wrapped_tensor(tensor):  # without memory; around another one
        return None
    if tensor.layout == torch.sparse_coo:
        return stored(tensor._values())
    if tensor.layout != torch.strided or tensor.is_meta or tensor.is_nested or tensor.is_quantized or tensor.is_mkldnn:
        return None
    return tensor if tensor.is_floating_point() or tensor.is_complex() else None


def memory_of(tensor: Tensor) -> int | None:
    """A name for the memory that holds the numbers; no other memory has it at the same time."""
    values = stored(tensor)
    return None if values is None else values.untyped_storage()._cdata


def has_bad(tensor: Tensor) -> bool:
    """Whether one of the stored numbers is NaN or infinite. A sum tells mostly; only where it overflows each number is looked at."""
    values = stored(tensor)
    if values is None or values.numel() == 0:
        return False
    total = values.sum() if values.dtype in (torch.float32, torch.float64) or values.is_complex() else values.float().sum()
    return not cmath.isfinite(total.item()) and bool(bad_places(values).any())


def bad_places(tensor: Tensor) -> Tensor:
    """True where the number is NaN or infinite; of the tensor's own shape. Half the work of `isfinite`."""
    return (_computable(tensor) * 0) != 0


def _computable(tensor: Tensor) -> Tensor:
    """float8 does not compute."""
    return tensor.float() if tensor.element_size() == 1 else tensor


def chosen(where: Tensor, one: Tensor | int, other: Tensor | int) -> Tensor:
    """`torch.where` of whole numbers, by arithmetic: on a CPU that is tens of times as fast, for it branches nowhere."""
    return other + (one - other) * where.to(torch.int32)


def exchanged(tensor: Tensor, where: Tensor, number: float) -> Tensor:
    """The tensor with another number at these places, chosen among the bits of both."""
    whole = WHOLE.get(tensor.element_size())
    if whole is None or tensor.is_complex():
        return torch.where(where, torch.full((), number, dtype=tensor.dtype, device=tensor.device), tensor)
    bits = torch.full((), number, dtype=tensor.dtype, device=tensor.device).view(whole)
    held = tensor.view(whole)
    return (held + (bits - held) * where.to(whole)).view(tensor.dtype)


def kind(tensor: Tensor, places: Tensor | None = None) -> str:
    """"nan", "inf" or "-inf": what is worst here, or at these places; "" when all is finite."""
    values = stored(tensor)
    if values is None:
        return ""
    values = _computable(values)
    values = values if places is None else values[places]
    if bool(values.isnan().any()):
        return "nan"
    infinite = values[values.isinf()]
    if infinite.numel() == 0:
        return ""
    return "inf" if infinite.is_complex() or bool((infinite > 0).any()) else "-inf"


def measured(name: str, tensor: Tensor) -> Values:
    """What the tensor holds now. Of complex numbers the magnitude."""
    shape, dtype = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    values = stored(tensor)
    if values is None:
        return Values(name, shape, dtype, None, None, None)
    values = values.detach()
    values = (values.abs() if values.is_complex() else values).reshape(-1)
    values = values.float() if values.element_size() <= 2 else values
    finite = values.isfinite()
    count = int(finite.sum())
    if count == values.numel():
        return Values(name, shape, dtype, *_moments(values))
    nan = int(values.isnan().sum())
    positive = int((values == torch.inf).sum())
    return Values(name, shape, dtype, *_moments(values[finite]), nan, positive, values.numel() - count - nan - positive)


def _moments(values: Tensor) -> tuple[float | None, float | None, float | None]:
    """Least, greatest, mean; None of nothing."""
    if values.numel() == 0:
        return None, None, None
    low, high = torch.aminmax(values)
    return float(low), float(high), float(values.double().mean() if values.device.type != "mps" else values.mean())
