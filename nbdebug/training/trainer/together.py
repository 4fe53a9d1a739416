"""What the ranks tell one another beside gradients: sums of a validation, and their random states for a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context


class Together:
    """Collectives on the CPU, in the context's own group, so that nothing of the user's comes in between; with one rank nothing is sent."""

    def __init__(self, context: Context) -> None:
        self.alone = context.world_size == 1
        self.group = context.group

    def sums(self, *numbers: float) -> list[float]:
        """Each number, summed over the ranks."""
        return self._reduced(numbers, dist.ReduceOp.SUM)

    def largest(self, *numbers: float) -> list[float]:
        """Each number, the largest of all ranks'."""
        return self._reduced(numbers, dist.ReduceOp.MAX)

    def each(self, *numbers: float) -> list[list[float]]:
        """Each rank's numbers, by rank."""
        told = torch.tensor(numbers, dtype=torch.float64)
        if self.alone:
            return [told.tolist()]
        gathered = [torch.empty_like(told) for _ in range(dist.get_world_size(self.group))]
        dist.all_gather(gathered, told, group=self.group)
        return [one.tolist() for one in gathered]

    def everyone(self, value: Any) -> list[Any]:
        """Each rank's value, by rank; plain values and tensors."""
        if self.alone:
            return [value]
        gathered: list[Any] = [None] * dist.get_world_size(self.group)
        dist.all_gather_object(gathered, value, group=self.group)
        return gathered

    def _reduced(self, numbers: tuple[float, ...], how: Any) -> list[float]:
        if self.alone:
            return list(numbers)
        told = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(told, how, group=self.group)
        return told.tolist()
