"""Do labels and inputs belong together: each split in the order of its dataset, then both beside each other."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.data.classes.between_splits import Between, between_splits
from nbdebug.data.classes.in_order import TOLD, Block, Shifted, in_order
from nbdebug.data.classes.places import places
from nbdebug.data.classes.reordered import Reordered, reordered
from nbdebug.data.classes.target import Target
from nbdebug.data.split import Split

MOST, BRIEFLY = 1000, 300  # rows that are asked about


@dataclass(frozen=True)
class Alignment:
    """All that was asked."""

    kind: str = ""  # of the targets: "classes", "tags" or "quantity"
    field: str = ""  # their name
    splits: tuple[str, ...] = ()  # train, then val
    shifted: tuple[Shifted, ...] = ()
    block: tuple[Block, ...] = ()
    between: Between | None = None
    reordered: tuple[Reordered, ...] = ()


def alignment(train: Split, val: Split | None, targets: tuple[Target | None, Target | None], *, briefly: bool) -> Alignment:
    """Asks each split about its own order, then both about each other."""
    most = BRIEFLY if briefly else MOST
    shifted, blocks, others = [], [], []
    for split, target in zip((train, val), targets, strict=True):
        if split is None or target is None or not _askable(target):
            continue
        found = places(split, target)
        shift, block = in_order(split, target, found, most)
        shifted += [shift] if shift is not None else []
        blocks += [block] if block is not None else []
        told = shift is not None and max(one.z for one in shift.agreement) >= TOLD
        order = None if told else reordered(split, target, found, most)
        others += [order] if order is not None else []
    one, other = targets
    both = None not in (val, one, other) and _askable(one) and _askable(other) and one.kind == other.kind
    between = between_splits(train, val, one, other, most) if both else None
    names = tuple(split.name for split in (train, val) if split is not None)
    kind, name = (one.kind, one.name) if one is not None else ("", "")
    return Alignment(kind, name, names, tuple(shifted), tuple(blocks), between, tuple(others))


def _askable(target: Target) -> bool:
    if target.kind == "classes":
        return len(target.names) > 1 and target.counted >= 2 * len(target.names)
    return target.kind in ("tags", "quantity")
