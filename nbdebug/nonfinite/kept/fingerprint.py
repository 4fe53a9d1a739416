"""sha256 of weights and gradients, so that two runs of a step can be compared bit for bit."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from nbdebug.nonfinite.kept.parts import Parts


@dataclass(frozen=True)
class Fingerprint:
    """Of all parameters by name. Every NaN counts as the same: which of its bit patterns comes out depends on the processor."""

    gradients: str  # empty when no parameter has one
    weights: str

    @classmethod
    def of(cls, parts: Parts) -> Fingerprint:
        """As they are now."""
        parameters = parts.parameters()
        gradients = {name: p.grad for name, p in parameters.items() if p.grad is not None}
        return cls(_sha256(gradients) if gradients else "", _sha256(parameters))


def bits_of(loss: Tensor | float) -> str:
    """The bytes of a loss as a float64, which holds every narrower number exactly; "nan" for every NaN."""
    number = float(loss.detach()) if isinstance(loss, Tensor) else float(loss)
    return "nan" if number != number else struct.pack(">d", number).hex()


def number_of(bits: str) -> float:
    """The loss whose bits these are."""
    return math.nan if bits == "nan" else struct.unpack(">d", bytes.fromhex(bits))[0]


def _sha256(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(_octets(tensor.detach()))
    return digest.hexdigest()


def _octets(tensor: Tensor) -> bytes:
    """The values in row-major order, however they lie in memory."""
    if tensor.is_meta:
        return b""
    if is_traceable_wrapper_subclass(tensor):
        inner = (getattr(tensor, name) for name in tensor.__tensor_flatten__()[0])
        return b"".join(_octets(part) for part in inner if isinstance(part, Tensor))
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    values = tensor.as_subclass(Tensor).resolve_conj().resolve_neg().cpu().contiguous()
    if (values.is_floating_point() or values.is_complex()) and bool(values.isnan().any()):
        values = values.masked_fill(values.isnan(), float("nan"))
    return values.reshape(-1).view(torch.uint8).numpy().tobytes()
