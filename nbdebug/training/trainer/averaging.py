"""An exponential moving average of the weights (EMA), which is what is validated and kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.errors import CheckpointError

HALVES = (torch.float16, torch.bfloat16)  # in which a change of a thousandth is lost


class Averaged:
    """The average after n updates is (1 - d) Σ d^k w_{n-k}, with d = min(decay, (1 + n) / (10 + n)).

    The smaller decay at the beginning lets the average leave the first weights (TensorFlow's ExponentialMovingAverage, `num_updates`).
    Buffers of floating numbers, such as the statistics of a batch norm, are averaged as the weights are; others are those of the model.

    Args:
        model: not wrapped; its weights are read at every `update`.
        decay: between 0 and 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay, self.count = model, decay, 0
        self._values = {name: _wide(tensor).clone() for name, tensor in self._live().items()}

    @torch.no_grad()
    def update(self) -> None:
        """After an optimizer step that was taken."""
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        self.count += 1
        live = self._live()
        for values, weights in _alike([(self._values[name], tensor) for name, tensor in live.items()]):
            torch._foreach_lerp_(values, weights, 1 - decay)

    @contextlib.contextmanager
    def swapped_in(self) -> Iterator[None]:
        """The averages stand in the model; afterwards its own weights again, bit for bit, in the same memory."""
        live = self._live()
        own = {name: tensor.clone() for name, tensor in live.items()}
        try:
            self._fill(live, self._values)
            yield
        finally:
            self._fill(live, own)

    def weights(self) -> dict[str, Tensor]:
        """The model's `state_dict` with the averages in it, apart from the model's memory."""
        with self.swapped_in():
            return {name: value.detach().clone() if isinstance(value, Tensor) else value for name, value in self.model.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "values": dict(self._values)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises:
        CheckpointError: the averages are those of another model.
        """
        theirs, ours = state["values"], self._values
        if theirs.keys() != ours.keys() or any(theirs[name].shape != ours[name].shape for name in ours):
            odd = sorted(theirs.keys() ^ ours.keys()) or [name for name in ours if theirs[name].shape != ours[name].shape]
            raise CheckpointError(f"the averaged weights are those of another model: {odd[0]} does not fit")
        self.count = state["count"]
        self._fill(ours, theirs)

    def _live(self) -> dict[str, Tensor]:
        """Weights and floating buffers, tied ones once."""
        named = [*self.model.named_parameters(), *self.model.named_buffers()]
        return {name: tensor.detach() for name, tensor in named if tensor.is_floating_point() or tensor.is_complex()}

    @staticmethod
    @torch.no_grad()
    def _fill(into: dict[str, Tensor], values: dict[str, Tensor]) -> None:
        for name, tensor in into.items():
            tensor.copy_(values[name])


def _wide(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in HALVES else tensor


def _alike(pairs: list[tuple[Tensor, Tensor]]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Pairs in lists of one device and type, which one kernel can go through."""
    lists: dict[tuple[torch.device, torch.dtype], list[tuple[Tensor, Tensor]]] = {}
    for average, weight in pairs:
        lists.setdefault((average.device, average.dtype), []).append((average, weight.to(average.dtype)))
    for members in lists.values():
        yield [average for average, _ in members], [weight for _, weight in members]
