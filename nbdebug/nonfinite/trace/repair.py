"""The experiments on one operator: it runs again with some of its bad inputs repaired, and what is finite then was their doing.

Of several births each place is given to the one whose repair alone heals it. All missing values of a sample count as one, for an operator
mixes the features of a sample but seldom samples. Most often the rows tell: each row's own birth is supposed, and two repetitions
with half of the births repaired must agree at every place. Else the births are numbered, and each bit of the number asks twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from nbdebug.nonfinite.trace.marks import all_of, among
from nbdebug.nonfinite.trace.ran import Bad, Ran
from nbdebug.nonfinite.values import chosen

MOST = 64  # groups of births told apart by their bits; our choice: twelve repetitions
FEW = 4  # groups that are told apart by their bits at once, in four repetitions


class Repairs:
    """Each experiment is made once for all results of the operator.

    Args:
        group: what a birth counts as: its sample, or itself.
        meant: whether somebody wrote this infinity on purpose.
    """

    def __init__(self, ran: Ran, inputs: list[Bad], group: Callable[[int], Hashable], meant: Callable[[int], bool]) -> None:
        self._ran, self._inputs, self._group, self._meant = ran, inputs, group, meant
        self._done: dict[Hashable, list[Tensor] | None] = {}
        self._births: dict[bool, list[Tensor]] = {}

    def of_all(self, index: int) -> Tensor | None:
        """Where a result is finite with all inputs repaired; None when the operator refuses them."""
        return self._healed(index, "all", lambda position: self._inputs[position].places)

    def because_of_nan(self, index: int, inherited: Tensor) -> Tensor:
        """Where the NaNs among the inputs alone would do it."""
        if not any(bool(b.nan.any()) for b in self._inputs):
            return torch.zeros_like(inherited)
        if not any(bool(b.infinite.any()) for b in self._inputs):
            return inherited
        healed = self._healed(index, "infinite", lambda position: self._inputs[position].infinite)
        return inherited if healed is None else inherited & ~healed

    def of_meant(self, births: Tensor, places: Tensor) -> Tensor:
        """The places of these whose infinity was meant: it is not to blame for the NaN that it became."""
        meant = [birth for birth in all_of(births, places, most=1 << 20) if self._meant(birth)]
        return places & among(births, meant) if meant else torch.zeros_like(places)

    def culprits(self, index: int, places: Tensor, nan: bool) -> Tensor:
        """For each place the birth to blame: the one whose repair alone makes it finite, else the earliest that is there."""
        labels = {b.label if isinstance(b.label, int) else 0 for b in self._inputs}
        if labels != {0} and len(labels) == 1:
            return torch.full(places.shape, *labels, dtype=torch.int32, device=places.device)
        held = self._held(nan)
        groups: dict[Hashable, list[int]] = {}
        for birth in sorted({birth for births in held for birth in all_of(births, births > 0, most=1 << 20)}):
            groups.setdefault(self._group(birth), []).append(birth)
        several = list(groups.values())
        first = torch.full(places.shape, several[0][0] if several else 0, dtype=torch.int32, device=places.device)
        if len(several) < 2:
            return first
        by_row = self._by_row(index, places, nan, several) if len(several) > FEW else None
        return self._by_bits(index, places, nan, several[:MOST], first) if by_row is None else by_row

    def _by_row(self, index: int, places: Tensor, nan: bool, several: list[list[int]]) -> Tensor | None:
        """The birth in the same row of the inputs; None unless the experiments bear it out everywhere."""
        rows = torch.zeros(places.shape[:1], dtype=torch.int32, device=places.device)
        for births in self._held(nan):
            if places.ndim == 0 or births.ndim == 0 or len(births) != len(places):
                return None
            found = births.reshape(len(births), -1)
            greatest = torch.iinfo(torch.int32).max
            least = chosen(found > 0, found, greatest).amin(1) if found.numel() else rows + greatest
            rows = chosen((least < greatest) & ((rows == 0) | (least < rows)), least, rows)
        supposed = rows.reshape(-1, *[1] * (places.ndim - 1)).expand(places.shape)
        for half in (several[: len(several) // 2], several[::2]):
            repaired = [birth for births in half for birth in births]
            healed = self._of(index, nan, repaired)
            if healed is None or not bool((healed == among(supposed, repaired))[places].all()):
                return None
        return supposed

    def _by_bits(self, index: int, places: Tensor, nan: bool, several: list[list[int]], first: Tensor) -> Tensor:
        number = torch.zeros(places.shape, dtype=torch.long, device=places.device)
        sure = places.clone()
        for bit in range((len(several) - 1).bit_length()):
            sides = [[birth for i, births in enumerate(several) if (i >> bit & 1) == side for birth in births] for side in (0, 1)]
            healed = [self._of(index, nan, births) for births in sides]
            if healed[0] is None or healed[1] is None:
                return first
            sure &= healed[0] ^ healed[1]
            number += healed[1].long() << bit
        named = torch.tensor([births[0] for births in several], dtype=torch.int32, device=places.device)
        return chosen(sure, named[number.clamp(max=len(several) - 1)], first)

    # -- one experiment -------------------------------------------------------------------------------------------------

    def _held(self, nan: bool) -> list[Tensor]:
        """For each input the births of its NaNs, or of its infinities; 0 elsewhere."""
        if nan not in self._births:
            self._births[nan] = [b.births * (b.nan if nan else b.infinite) for b in self._inputs]
        return self._births[nan]

    def _of(self, index: int, nan: bool, births: list[int]) -> Tensor | None:
        """Where a result is finite when these births are repaired; of NaNs' the infinities beside them too."""

        def where(position: int) -> Tensor:
            mine = among(self._held(nan)[position], births)
            return mine | self._inputs[position].infinite if nan else mine

        return self._healed(index, (nan, tuple(births)), where)

    def _healed(self, index: int, name: Hashable, where: Callable[[int], Tensor]) -> Tensor | None:
        if name not in self._done:
            try:
                self._done[name] = self._ran.again({b.key: b.repaired(where(i)) for i, b in enumerate(self._inputs)})
            except (RuntimeError, ValueError, TypeError, NotImplementedError):
                self._done[name] = None
        done = self._done[name]
        return None if done is None else done[index].isfinite()
