"""How the labels are spread: over classes, over the batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from nbdebug.data.classes.order import Order, label_order
from nbdebug.data.classes.target import Target
from nbdebug.data.split import Split

KEPT = 400  # classes whose counts are kept: the most and the least frequent
LONGEST = 40  # characters of a label
MIXED = 0.3  # of the way from a random to a sorted order
BATCHES, CLASSES = 24, 16  # of the panel of single batches


@dataclass(frozen=True)
class Balance:
    """The classes or tags of one split."""

    split: str
    field: str
    kind: str  # "classes" or "tags"
    classes: int  # that occur
    samples: int  # counted
    missing: int  # of them without a label
    counts: tuple[tuple[str, int], ...]  # the most frequent first; at most KEPT
    whole: bool  # all of the data was read
    order: Order | None  # of the labels in their batches
    mixed: bool  # what was read is no mere beginning of data that is sorted by label
    batches: tuple[tuple[int, ...], ...]  # (batch, class) → samples, of the first batches and the most frequent classes


def balance(split: Split, target: Target) -> Balance | None:
    """How often each class occurs; None for quantities and masks."""
    if target.kind not in ("classes", "tags"):
        return None
    ranked = sorted(zip(target.names, target.counts, strict=True), key=lambda pair: -pair[1])
    kept = ranked if len(ranked) <= KEPT else ranked[: KEPT // 2] + ranked[-KEPT // 2 :]
    order, mixed = order_of(split, target), len(target.types or ()) > 1
    return Balance(
        split.name, target.name, target.kind, sum(count > 0 for count in target.counts), target.counted, target.missing,
        tuple((said(name, quoted=mixed), int(count)) for name, count in kept), split.whole, order, is_mixed(split, order), _batches(target, ranked),
    )  # fmt: skip


def said(name: Any, *, quoted: bool = False) -> str:
    """A label in few characters; `quoted` where "1" stands beside 1."""
    text = repr(name) if quoted and isinstance(name, (str, bytes)) else str(name)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def order_of(split: Split, target: Target) -> Order | None:
    """Of the labels as they were delivered, where the gatherer kept them."""
    field = split.target()
    sequence = getattr(field.facts, "sequence", None)
    if sequence is None or not len(sequence) or not split.batches:
        return None
    size = -(-split.samples // split.batches)  # the last batch may be smaller
    return label_order(torch.from_numpy(sequence), torch.arange(len(sequence)) // size)


def is_mixed(split: Split, order: Order | None) -> bool:
    return split.whole or order is None or order.delivered - order.random < MIXED * (order.sorted - order.random)


def _batches(target: Target, ranked: list[tuple[Any, int]]) -> tuple[tuple[int, ...], ...]:
    names = [name for name, _ in ranked[:CLASSES]]
    return tuple(tuple(int(batch.get(name, 0)) for name in names) for batch in target.batches[:BATCHES])
