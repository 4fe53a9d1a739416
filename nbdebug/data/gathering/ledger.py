"""What the batches were made of, and what could not be taken from them, in sentences."""

from __future__ import annotations

from collections import Counter, defaultdict

from nbdebug.data.chunk import Chunk

MOST_MAKES, TOLD = 1000, 12  # makes of batches that are told apart; sentences of one sort


class Ledger:
    """Counts makes of batches: the names of their fields, with the dtype of each."""

    def __init__(self) -> None:
        self.makes: Counter[tuple[tuple[str, str], ...]] = Counter()
        self.left_out: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()

    def add(self, chunk: Chunk) -> None:
        """One more batch."""
        make = tuple((field.name, field.dtype) for field in chunk.fields)
        if make in self.makes or len(self.makes) < MOST_MAKES:
            self.makes[make] += 1
        for said in chunk.left_out:
            if said in self.left_out or len(self.left_out) < MOST_MAKES:
                self.left_out[said] += 1

    def trouble(self, said: str) -> None:
        """Something could not be worked on; said once, and counted."""
        if said in self.troubles or len(self.troubles) < MOST_MAKES:
            self.troubles[said] += 1

    def sentences(self) -> tuple[str, ...]:
        """What to know beside the statistics; empty where all batches were alike and nothing was left out."""
        said = [*self._changes(), *(f"{what}, which is no value a sample: left out" for what in list(self.left_out)[:TOLD])]
        more = [f" ({times:,} times)" if times > 1 else "" for times in self.troubles.values()]
        return (*said, *(what + times for what, times in list(zip(self.troubles, more, strict=True))[:TOLD]))

    def _changes(self) -> list[str]:
        batches = sum(self.makes.values())
        dtypes: dict[str, Counter[str]] = defaultdict(Counter)
        for make, times in self.makes.items():
            for name, dtype in make:
                dtypes[name][dtype] += times
        said = []
        for name, found in dtypes.items():
            if found.total() < batches:
                said.append(f"{name} is in {found.total():,} of {batches:,} batches")
            if len(found) > 1:
                said.append(f"{name} is {' and '.join(f'{dtype} in {times:,}' for dtype, times in found.most_common(4))} of {batches:,} batches")
        if len(said) > TOLD:
            said = [*said[:TOLD], f"and {len(said) - TOLD:,} more fields come and go"]
        return ([f"the batches are of {len(self.makes):,} makes", *said]) if said else []
