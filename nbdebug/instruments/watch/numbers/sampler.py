"""How a tensor is looked at: every element of it for NaN and Inf, an evenly spread sample for everything else.

Tensors are looked at a few megabytes at a time: together is twice as fast as one by one between the user's own kernels, and
that much still lies in the cache. On an accelerator whether a sum was finite is read at the end of the step, in the one
transfer; until then the tensor is held, up to a bound, because its NaN and Inf may have to be counted.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbdebug.instruments.watch.numbers.unseen import unseen

SAMPLE = 256  # elements of a tensor; our choice: an rms is then off by 4 %, a bin by 3 % of all, and 512 cost a third more
TOGETHER = 4 * 2**20  # bytes of outputs that are looked at together; our choice: measured best of 0 to 32 MB
BACKWARD = 2**20  # of gradients less, for the backward pass would use their memory again; measured best as well
HELD = 64 * 2**20  # bytes of an accelerator's tensors that may be held back until the next transfer; our choice
FLOATS = frozenset([torch.float32, torch.bfloat16, torch.float16, torch.float64])
PLAIN = frozenset([Tensor, torch.nn.Parameter])  # classes; others may hide their elements
REACH = float(np.finfo(np.float32).max)  # a float64 beyond it is counted as the largest float32, not as Inf
LEAST = float(np.finfo(np.float32).smallest_subnormal)


class LeftOut(Exception):
    """Why a tensor cannot be looked at."""


@dataclass
class Sampler:
    """What was looked at in one step."""

    left_out: dict[str, str]
    pieces: list[tuple[int, Tensor]] = field(default_factory=list)  # row, sample; in the order they came
    elements: dict[int, int] = field(default_factory=dict)  # row → of all calls together
    nonfinite: dict[int, list[int]] = field(default_factory=dict)  # row → [NaN, +Inf, −Inf], exact; in the order they came
    _later: list[tuple[Any, int, Tensor, int, int, Any]] = field(default_factory=list)  # site, row, tensor, version, size, responses
    _held: list[tuple[int, Tensor, Tensor, int]] = field(default_factory=list)  # row, values, their sum, version
    _bytes: int = 0  # of both

    def later(self, site: Any, row: int, tensor: Tensor, size: int, responses: Any, together: int = TOGETHER) -> None:
        """Notes a tensor that is looked at soon, together with others: that costs half of looking at it now.

        Args:
            site: a layer; what of it was changed in place in the meantime is looked at without delay from then on.
            responses: is told when the tensor, a gradient, is not all zero.
            together: bytes at which all is looked at.
        """
        self._later.append((site, row, tensor, tensor._version, size, responses))
        self._bytes += tensor.nbytes if tensor.layout is torch.strided else 0
        if self._bytes > together or site.at_once:
            self.flush()

    def flush(self) -> None:
        """Looks at all that was noted."""
        later, self._later = self._later, []
        self._bytes = sum(values.nbytes for _, values, _, _ in self._held) if self._held else 0
        with unseen():
            for site, row, tensor, version, size, responses in later:
                try:
                    values = plain_values(tensor)
                    if values is None:
                        continue
                    if tensor._version != version:
                        site.at_once, size = True, 0  # NaN and Inf mostly survive what was done to it; the sample does not
                    total = self.look(row, values, size)
                    if responses is not None:
                        responses.felt(values, total)
                except Exception as error:  # nothing that we do may stop the user's loop
                    self.left_out.setdefault(site.name, str(error))

    def look(self, row: int, values: Tensor, size: int = SAMPLE, total: Tensor | None = None) -> float | None:
        """Looks at a tensor now.

        Args:
            total: its sum or norm, when that is known.

        Returns:
            That as a number; None where reading it would wait for an accelerator.
        """
        number = values.numel()
        if number == 0:
            return 0.0
        self.elements[row] = self.elements.get(row, 0) + number
        if size:
            self.pieces.append((row, values.take(places(number, size) if values.is_cpu else _places_there(number, size, values.device))))
        if total is None:
            total = values.sum(dtype=torch.float32) if values.dtype is torch.float16 else values.sum()
        if not values.is_cpu:
            self._hold(row, values, total)
            return None
        found = total.item()
        if not math.isfinite(found):
            self.count(row, values)
        return found

    def _hold(self, row: int, values: Tensor, total: Tensor) -> None:
        self._held.append((row, values, total, values._version))
        self._bytes += values.nbytes
        if self._bytes > HELD:
            self.settle()

    def settle(self) -> None:
        """Reads the sums of what is held, counts where one is not finite, and lets go."""
        self.flush()
        held, self._held, self._bytes = self._held, [], 0
        for (row, values, _, version), total in zip(held, to_host([total for _, _, total, _ in held]), strict=True):
            if not math.isfinite(total):
                self.count(row, values, came_as=None if values._version == version else total)

    def count(self, row: int, values: Tensor, came_as: float | None = None) -> None:
        """Exact, because a sum that is not finite may also have overflowed.

        Args:
            came_as: the sum of values that have been written over since: then at least one is counted.
        """
        infinite = values.isinf()
        found = [int(n) for n in (values.isnan().sum(), (infinite & (values > 0)).sum(), (infinite & (values < 0)).sum())]
        if came_as is not None and not any(found):
            found = [int(math.isnan(came_as)), int(came_as == math.inf), int(came_as == -math.inf)]
        if any(found):
            before = self.nonfinite.setdefault(row, [0, 0, 0])
            before[:] = [a + b for a, b in zip(before, found, strict=True)]


def sample(values: Tensor) -> Tensor:
    """A copy of SAMPLE elements, evenly spread; of all when there are no more."""
    number = values.numel()
    return values.take(places(number, SAMPLE) if values.is_cpu else _places_there(number, SAMPLE, values.device))


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
    return _unusual_values(tensor.detach())


def _unusual_values(values: Tensor) -> Tensor | None:
    if values.__class__ is not Tensor:
        values = _without_its_class(values)
    if values.is_meta or values.is_nested or values.is_quantized:
        raise LeftOut("it has no values that can be read: it is on the meta device, nested or quantised")
    if torch._C._functorch.is_functorch_wrapped_tensor(values):
        raise LeftOut("it exists only inside vmap or grad")
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
