"""Dealing out: of each block of samples every rank takes its part, so that none is taken twice and none is left.

    order       7 2 9 4 | 1 8 0 3 | 5 6          blocks of world size × batch size
    rank 0      7   9   | 1   0   | 5            that is what DistributedSampler deals, as long as blocks are full;
    rank 1        2   4 |   8   3 |   6          of the last one each rank has its part too, unpadded, and the losses are weighed
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple


class Share(NamedTuple):
    """One rank's part of a block."""

    mine: Any  # a list of what was dealt, or what was made of it
    samples: int  # of this rank that count; 0: the block had none left for it, and some were lent, so that all ranks make the same steps
    of: int  # samples of the block, over all ranks


class Weighed(NamedTuple):
    """A part with its weight in the update."""

    share: Share
    weight: float  # by which its loss is multiplied; DDP then averages over ranks, and what results is the mean over all samples
    ends: bool  # whether the update is due after it


def dealt(items: Iterable[Any], rank: int, world_size: int, size: int, *, drop_last: bool = False, lend: bool = True) -> Iterator[Share]:
    """A rank's parts of everything.

    Args:
        items: the same on each rank.
        size: of one rank's full part.
        lend: whether a rank that has no sample of the last block gets some that do not count; False: it gets nothing.
    """
    items = iter(items)
    while block := list(islice(items, world_size * size)):
        if drop_last and len(block) < world_size * size:
            return
        takers = _takers(len(block), world_size, size) if lend else world_size
        mine = block[rank::takers] if rank < takers else []
        if mine or lend:
            yield Share(mine or block[: min(size, 2)], len(mine), len(block))


def _takers(samples: int, world_size: int, size: int) -> int:
    """How many ranks share a block: all of a full one; of the last so many that none is left with one sample, which batch norm cannot train on."""
    return max(-(-samples // size), min(world_size, samples // 2)) if size > 1 else world_size


def weighed(shares: Iterable[Share], world_size: int, accumulate: int = 1) -> Iterator[Weighed]:
    """The parts with their weights, where `accumulate` of them make an update; the last update may have fewer."""
    if accumulate == 1:
        for share in shares:
            yield Weighed(share, share.samples * world_size / share.of, True)
        return
    shares = iter(shares)
    while group := list(islice(shares, accumulate)):
        of = sum(share.of for share in group)
        for n, share in enumerate(group, start=1):
            yield Weighed(share, share.samples * world_size / of, n == len(group))
