"""Calls of torch functions as a function mode sees them: their names, their tensors, and the same call in double precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nbdebug.listening import IN_PLACE

EIGHT_BITS = frozenset(d for d in vars(torch).values() if isinstance(d, torch.dtype) and d.is_floating_point and d.itemsize == 1)
NARROW = frozenset([torch.float32, torch.float16, torch.bfloat16]) | EIGHT_BITS
QUANTISES = frozenset(["fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine"])  # want a scale in single precision
ADDS = frozenset(["add", "sub", "__radd__", "__rsub__", "rsub", "add_", "sub_", "__iadd__", "__isub__"])
SWALLOWS = 1e30  # a constant so large that it takes all digits of what it is added to, as masks of finfo.min do
MASK = 1e9  # stands for it: as far below any score, and the scores keep their digits in double precision
NARROWING = frozenset(["float", "half", "bfloat16"])  # methods; `.to(torch.float32)` has the dtype among its arguments


def name_of(func: Any) -> str:
    """`softmax` for any way to call it, `data` for reading or setting `x.data`."""
    name = getattr(func, "__name__", str(func))
    return getattr(getattr(func, "__self__", None), "__name__", name) if name in ("__get__", "__set__") else name


def is_in_place(name: str) -> bool:
    return name in IN_PLACE or (name.endswith("_") and not name.endswith("__") and name != "requires_grad_")


def tensors_of(values: Any) -> list[Tensor]:
    """The tensors among arguments, and in lists and tuples of them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found.extend(member for member in value if isinstance(member, Tensor))
    return found


def address_of(tensor: Tensor) -> int | None:
    if tensor.layout != torch.strided or type(tensor) not in (Tensor, torch.nn.Parameter):
        return None
    return tensor.untyped_storage().data_ptr() or None


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str, default: Any = None) -> Any:
    return args[position] if len(args) > position else kwargs.get(name, default)


def widened(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The same call in double precision: no cast to less, and single-precision constants brought up to their partners."""
    if name in NARROWING and len(args) == 1 and isinstance(args[0], Tensor):
        return torch.Tensor.double, args, {}
    dtypes = {a.dtype if isinstance(a, Tensor) else a for a in (*args, *kwargs.values()) if isinstance(a, (Tensor, torch.dtype))}
    if name in QUANTISES:
        return func, args[:1] + tuple(a.float() if isinstance(a, Tensor) and a.is_floating_point() else a for a in args[1:]), kwargs
    if dtypes.isdisjoint(NARROW):
        return func, args, kwargs
    first = 1 if is_in_place(name) else 0  # what is written to keeps its dtype
    up = _up if torch.float64 in dtypes else _up_dtype
    return func, args[:first] + tuple(map(up, args[first:])), {key: up(a) for key, a in kwargs.items()}


def small_enough(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands of a sum, in which no constant swallows what is differentiated."""
    return tuple(_within(a) if isinstance(a, Tensor) and a.is_floating_point() and not a.requires_grad else a for a in args)


def _within(constant: Tensor) -> Tensor:
    if constant.layout != torch.strided or not constant.numel():
        return constant
    huge = (constant.abs() > SWALLOWS) & constant.isfinite()
    return torch.where(huge, constant.sign() * MASK, constant) if bool(huge.any()) else constant


def _up_dtype(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value in NARROW else value


def _up(value: Any) -> Any:
    return value.double() if isinstance(value, Tensor) and value.dtype in NARROW else _up_dtype(value)
