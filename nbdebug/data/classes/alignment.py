"""Do labels and inputs belong together: each split in the order of its dataset, then both beside each other."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.data.classes.between_splits import Between, between_splits
from nbdebug.data.classes.held import Held, held
from nbdebug.data.classes.in_order import TOLD, Block, Shifted, in_order
from nbdebug.data.classes.pictured import pictured
from nbdebug.data.classes.places import places
from nbdebug.data.classes.reordered import Reordered, reordered
from nbdebug.data.classes.several import several
from nbdebug.data.classes.target import Target
from nbdebug.data.classes.torn import Torn, torn
from nbdebug.data.split import Split

MOST, BRIEFLY = 1000, 300  # rows that are asked about
CLEAR = 7.0  # standard deviations from which an order is found, and no other is looked for


@dataclass(frozen=True)
class Alignment:
    """All that was asked."""

    kind: str = ""  # of the targets: "classes", "tags", "quantity" or "several"
    field: str = ""  # their name
    splits: tuple[str, ...] = ()  # train, then val
    shifted: tuple[Shifted, ...] = ()
    block: tuple[Block, ...] = ()
    between: Between | None = None
    reordered: tuple[Reordered, ...] = ()
    held: Held | None = None  # of the first split of which nothing else was found
    torn: Torn | None = None  # of train, where that finds nothing either


def alignment(train: Split, val: Split | None, targets: tuple[Target | None, Target | None], *, briefly: bool) -> Alignment:
    """Asks each split about its own order, then both about each other."""
    most = BRIEFLY if briefly else MOST
    asked = several(train, val, targets)
    shifted, blocks, others, kept, apart = [], [], [], None, None
    for number, (split, target) in enumerate(asked):
        if not _askable(target):
            continue
        found = places(split, target)
        shift, block = in_order(split, target, found, most)
        shifted += [shift] if shift is not None else []
        blocks += [block] if block is not None else []
        z = max(one.z for one in shift.agreement) if shift is not None else 0.0
        other = asked[1 - number][0] if len(asked) > 1 else None
        order = None if z >= TOLD else reordered(split, target, found, most, told=z, series=shift is not None and shift.series, other=other)
        if target.kind == "several" and (order is None or order.there.z < CLEAR):
            order = pictured(split, target.name, found, other) or order
        others += [order] if order is not None else []
        series = shift is not None and shift.series
        if kept is None and z < TOLD and not series and (order is None or order.there.z < CLEAR):
            kept = held(split, target, found, most, other)
            apart = torn(split, target, found, most, other) if number == 0 else apart
    one, other = (target for _, target in asked) if len(asked) == 2 else (asked[0][1] if asked else None, None)
    both = None not in (one, other) and _askable(one) and _askable(other) and one.kind == other.kind
    between = between_splits(asked[0][0], asked[1][0], one, other, most) if both else None
    names = tuple(split.name for split in (train, val) if split is not None)
    kind, name = (one.kind, one.name) if one is not None else ("", "")
    return Alignment(kind, name, names, tuple(shifted), tuple(blocks), between, tuple(others), kept, apart)


def _askable(target: Target) -> bool:
    if target.kind == "classes":
        return len(target.names) > 1 and target.counted >= 2 * len(target.names)
    return target.kind in ("tags", "quantity", "several")
