"""Tensors as text: short lists where they are few, else the bytes themselves, packed."""

from __future__ import annotations

import base64
import zlib

import torch
from torch import Tensor

from nbdebug.instruments.overfit.written.definitions import CannotWrite

SMALL = 12  # numbers that are written as a list
LARGEST = 400_000  # characters of one text; beyond it a script is no longer something to send
UNPACK = [
    "def numbers(text, dtype, *shape):",
    "    return torch.frombuffer(bytearray(zlib.decompress(base64.b85decode(text))), dtype=dtype).reshape(shape)",
]


def numbers_of(tensor: Tensor) -> str:
    """An expression that gives the tensor again, on the CPU.

    Raises:
        CannotWrite: it is too large, or not of numbers in plain memory.
    """
    if type(tensor) not in (Tensor, torch.nn.Parameter) or tensor.layout != torch.strided:
        raise CannotWrite(f"a {type(tensor).__name__} in no plain memory")
    held = tensor.detach().cpu().contiguous()
    shape = ", ".join(map(str, held.shape))
    if held.numel() <= SMALL and not held.is_complex():
        return f"torch.tensor({held.tolist()}, dtype={held.dtype})".replace("inf", 'float("inf")').replace("nan", 'float("nan")')
    raw = held.view(torch.uint8) if held.ndim else held.reshape(1).view(torch.uint8)
    text = base64.b85encode(zlib.compress(raw.numpy().tobytes(), 9)).decode()
    if len(text) > LARGEST:
        raise CannotWrite(f"{len(text):,} characters of numbers")
    return f'numbers("""{text}""", {held.dtype}, {shape})'


def packed(tensors: list[Tensor]) -> str | None:
    """All of them as one row of numbers in single precision; None where that is too large or loses something."""
    if any(t.is_complex() or t.layout != torch.strided or t.dtype == torch.float64 for t in tensors):
        return None
    row = torch.cat([t.float().cpu().flatten() for t in tensors]) if tensors else torch.empty(0)
    try:
        return numbers_of(row) if row.numel() else None
    except CannotWrite:
        return None
