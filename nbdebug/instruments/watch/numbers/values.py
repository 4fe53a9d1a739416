"""Tensor → plain values: which elements of any tensor can be read, which of them are looked at, and how they get to the host."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

SAMPLE = 256  # elements of a tensor; our choice: an rms is then off by 4 %, a bin by 3 % of all at most; half as many cost the same
FLOATS = frozenset([torch.float32, torch.bfloat16, torch.float16, torch.float64])
PLAIN = frozenset([Tensor, torch.nn.Parameter])  # classes; others may hide their elements
REACH = float(np.finfo(np.float32).max)  # a float64 beyond it is counted as the largest float32, not as Inf
LEAST = float(np.finfo(np.float32).smallest_subnormal)


class LeftOut(Exception):
    """Why a tensor cannot be looked at."""


def sample(values: Tensor, size: int = SAMPLE) -> Tensor:
    """A copy of `size` elements, evenly spread; of all when there are no more."""
    number = values.numel()
    return values.take(places(number, size) if values.is_cpu else _places_there(number, size, values.device))


@functools.lru_cache(maxsize=2048)
def places(number: int, size: int) -> Tensor:
    """Where to look: in each of `size` equal stretches of the memory at one place, drawn once for all.

    A constant stride would meet the same columns, channels or diagonal again and again.
    """
    if number <= size:
        return torch.arange(number, device="cpu")
    jitter = np.random.default_rng(number).random(size)  # its own generator: the user's stay where they are
    chosen = np.floor((np.arange(size) + jitter) * (number / size)).astype(np.int64)
    return torch.from_numpy(np.minimum(chosen, number - 1))


@functools.lru_cache(maxsize=2048)
def _places_there(number: int, size: int, device: torch.device) -> Tensor:
    return places(number, size).to(device)


def plain_values(tensor: Tensor) -> Tensor | None:
    """The stored elements as a plain real tensor; None for integers. To be called where no graph is recorded.

    Raises:
        LeftOut: when they cannot be read.
    """
    if (
        tensor.__class__ in PLAIN and tensor.dtype in FLOATS and tensor.layout is torch.strided
        and (tensor.is_cpu or tensor.is_cuda) and not tensor.is_nested
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    ):  # fmt: skip
        return tensor
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):  # outside, by now, nothing at all can be done with it
        raise LeftOut("it exists only inside vmap or grad")
    return _unusual_values(tensor.detach())


def _unusual_values(values: Tensor) -> Tensor | None:
    if values.__class__ is not Tensor:
        values = _without_its_class(values)
    if values.is_meta or values.is_nested or values.is_quantized:
        raise LeftOut("it has no values that can be read: it is on the meta device, nested or quantised")
    if values.layout == torch.sparse_coo:
        values = values.coalesce().values()
    elif values.layout != torch.strided:
        values = values.to_dense() if values.is_mkldnn else values.values()
    if values.is_complex():
        return (values.to(torch.complex64) if values.dtype == torch.complex32 else values).abs()
    return values if values.dtype in FLOATS else values.float() if values.is_floating_point() else None


def _without_its_class(tensor: Tensor) -> Tensor:
    if type(tensor).__torch_dispatch__ is not torch._C._disabled_torch_dispatch_impl:
        raise LeftOut(f"{type(tensor).__name__} does not let its elements be read like those of a tensor")
    return tensor.as_subclass(Tensor)


def host_array(pieces: list[Tensor]) -> np.ndarray:
    """Samples laid end to end, as float32, in one transfer from each device."""
    try:
        together = torch.cat(pieces)
        if together.dtype == torch.float32:
            return together.cpu().numpy()
    except RuntimeError:  # on several devices
        pass
    pieces = [_narrowed(piece) if piece.dtype == torch.float64 else piece.float() for piece in pieces]
    parts: dict[int, np.ndarray] = {}
    for device in {piece.device for piece in pieces}:
        mine = [at for at, piece in enumerate(pieces) if piece.device == device]
        ends = np.cumsum([pieces[at].numel() for at in mine])
        parts |= dict(zip(mine, np.split(torch.cat([pieces[at] for at in mine]).cpu().numpy(), ends[:-1]), strict=True))
    return np.concatenate([parts[at] for at in range(len(pieces))])


def to_host(numbers: list[Tensor]) -> list[float]:
    """Single numbers, in one transfer from each device."""
    if all(number.is_cpu for number in numbers):
        return [number.item() for number in numbers]
    return host_array([number.reshape(1) for number in numbers]).tolist()


def _narrowed(piece: Tensor) -> Tensor:
    """float64 → float32, such that nothing becomes Inf or 0 that was neither."""
    near = piece.clamp(-REACH, REACH).where(piece.isfinite(), piece).float()
    return torch.where((near == 0) & (piece != 0), torch.copysign(torch.full_like(near, LEAST), near), near)
