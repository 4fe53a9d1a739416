"""While samples are read: tensors are listened to, and arrays that the user's own lines make by numpy."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nbdebug.data.running.overflow import SIGNS, Ear, Wrap, heard_cast, is_narrow, rounded
from nbdebug.data.running.watched_arrays import Watched, watched_array
from nbdebug.source_lines import is_users

NARROW = (torch.uint8, torch.int8, torch.int16, torch.uint16)
WHOLE = (*NARROW, torch.int32, torch.int64)
TORCH = ("add", "sub", "rsub", "mul", "neg", "pow", "add_", "sub_", "mul_", "neg_", "pow_", "square", "mm")
READERS = ("array", "asarray", "ascontiguousarray", "frombuffer", "fromfile", "load")  # of numpy, by which data comes in


@functools.lru_cache(maxsize=1)
def ready() -> None:
    """Imports what torch imports when it is first listened to, which may take seconds, before any clock runs."""
    with _Tensors(Ear()):
        torch.tensor(numpy.zeros(1, numpy.uint8)) / 255


@contextlib.contextmanager
def hearing(ear: Ear) -> Iterator[None]:
    """While it lasts, tensors are heard, and arrays that the user's own lines read by numpy."""
    readers = {name: getattr(numpy, name) for name in READERS}
    inherited = "numpy" not in vars(Tensor)
    to_numpy = Tensor.numpy
    try:
        for name, reader in readers.items():
            setattr(numpy, name, _reading(reader, ear))
        Tensor.numpy = _reading(to_numpy, ear)  # type: ignore[method-assign]
        with _Tensors(ear):
            yield
    finally:
        for name, reader in readers.items():
            setattr(numpy, name, reader)
        if not inherited:
            Tensor.numpy = to_numpy  # type: ignore[method-assign]
        elif "numpy" in vars(Tensor):
            del Tensor.numpy


def _reading(reader: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
    def read(*args: Any, **options: Any) -> Any:
        made = reader(*args, **options)
        seen = isinstance(made, numpy.ndarray) and (is_narrow(made.dtype) or (args and isinstance(args[0], Watched)))
        return watched_array(made, ear) if seen and type(made) is numpy.ndarray and is_users(sys._getframe(1).f_code) else made

    return read


class _Tensors(TorchDispatchMode):
    """Hears the arithmetic of integer tensors."""

    def __init__(self, ear: Ear) -> None:
        super().__init__()
        self.ear = ear
        self.made: dict[int, Wrap] = {}  # address → what wrapped in its making

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # otherwise torch imports its compiler, which takes seconds

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        if name == "_to_copy" and kwargs.get("dtype") in WHOLE and args[0].is_floating_point() and args[0].device.type == "cpu":
            result, plain = function(*args, **kwargs), args[0].detach().double().numpy()
            if self.ear.cut(plain, result.numpy()):
                return torch.from_numpy(rounded(plain, result.numpy().dtype)) if self.ear.saturate else result
        cast = name == "_to_copy" and kwargs.get("dtype") in NARROW
        if (cast or name == "view" and len(args) > 1 and isinstance(args[1], torch.dtype)) and (wrap := self.made.get(args[0].data_ptr())) is not None:
            goal = kwargs["dtype"] if cast else args[1]
            if {args[0].dtype, goal} == {torch.uint8, torch.int8} or {args[0].dtype, goal} == {torch.uint16, torch.int16}:
                wrap.deliberate = True  # the difference of two counters that roll over, read with its sign
                return function(*args, **kwargs)
        arithmetic = name in TORCH and any(isinstance(a, Tensor) and a.dtype in NARROW for a in args)
        if not cast and not arithmetic:
            return function(*args, **kwargs)
        wide = _wide(function, args, kwargs) if arithmetic else args[0].detach().clone()
        operands = tuple(a.detach().clone().numpy() if isinstance(a, Tensor) else a for a in args[:2])
        result = function(*args, **kwargs)
        if wide is None or not isinstance(result, Tensor) or result.dtype not in NARROW or result.device.type != "cpu":
            return result
        limits = torch.iinfo(result.dtype)
        dtype, sign = str(result.dtype).removeprefix("torch."), SIGNS.get(name.rstrip("_"), name)
        if cast:
            was = str(args[0].dtype).removeprefix("torch.")
            heard = None if was == "bool" else heard_cast(self.ear, wide.double().numpy(), result.numpy(), limits.min, limits.max)
        else:
            ordered = operands[::-1] if name == "rsub" else operands
            heard = self.ear.hear(f"{dtype} {sign}", dtype, wide.numpy(), result.numpy(), ordered, sign)
            if heard is not None:
                self.made[result.data_ptr()] = heard
        if heard is not None and self.ear.saturate:
            clipped = wide.clamp(limits.min, limits.max).to(result.dtype)
            return result.copy_(clipped) if name.endswith("_") else clipped
        return result


def _wide(function: Any, args: Any, kwargs: Any) -> Tensor | None:
    """The same in 64 bits; in-place operations on copies."""
    with_wide = [a.detach().to(torch.int64) if isinstance(a, Tensor) and not a.is_floating_point() else a for a in args]
    try:
        exact = function(*[a.clone() if isinstance(a, Tensor) else a for a in with_wide], **{k: v for k, v in kwargs.items() if k != "out"})
    except RuntimeError:
        return None
    return exact if exact.dtype == torch.int64 else None
