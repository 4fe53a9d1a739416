"""Targets that are quantities: how they are spread, and values that occur far too often. And the classes of masks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.classes.target import Target
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.split import Split

BINS = 30
SPIKE = 0.05  # share of one value in a quantity that otherwise hardly repeats
ROUND = (1000, 500, 100, 50, 10, 5)  # multiples that people round to
HEAPED = 3.0  # times the share that chance would give them
SAMPLES = 64  # masks whose pixels are counted
IN_ORDER = 0.9  # rank correlation with the order of delivery from which the inputs are asked, too
POWERS, GOES_ON = 5, 0.3  # of the place, and correlation of what is left of an input with the next from which the rows are a series; our choice


@dataclass(frozen=True)
class Quantity:
    """A target to regress, over the sampled rows."""

    split: str
    field: str
    samples: int
    missing: int
    mean: float
    std: float
    low: float
    high: float
    different: int  # values
    edges: tuple[float, ...]  # (B + 1,), the same for both splits
    counts: tuple[int, ...]  # (B,)
    spike: float | None  # the value that occurs far too often
    spike_share: float
    heaped: int | None  # a number whose multiples occur far too often
    heaped_share: float
    in_order: float = 0.0  # rank correlation of value and place of delivery, -1..1
    series: bool = False  # the inputs go on as well from one to the next, beyond what they know of the place: measured one after the other


@dataclass(frozen=True)
class MaskShare:
    """Pixels by class, over some masks."""

    split: str
    field: str
    masks: int
    shares: tuple[tuple[str, float], ...]  # class → share of the pixels, the most frequent first
    in_masks: tuple[tuple[str, float], ...]  # class → share of the masks that hold any of it


def quantity(split: Split, target: Target, edges: tuple[float, ...] | None = None) -> Quantity | None:
    """Its spread; `edges` of the other split, that both are counted alike."""
    if target.kind != "quantity":
        return None
    values = target.values[numpy.isfinite(target.values)]
    if not len(values):
        return None
    counts, edges = _counted(values, edges)
    ranked = Counter(values.tolist()).most_common(2)
    spike, often = ranked[0]
    next_often = ranked[1][1] if len(ranked) > 1 else 0
    spiked = often >= SPIKE * len(values) and often >= 5 * max(next_often, 2)
    heaped, share = _heaped(values)
    placed = _in_order(values)
    return Quantity(
        split.name, target.name, len(values), target.missing, float(values.mean()), float(values.std()), float(values.min()),
        float(values.max()), len(numpy.unique(values)), edges, counts, spike if spiked else None, often / len(values), heaped, share,
        placed, abs(placed) >= IN_ORDER and _goes_on(split, len(target.values)),
    )  # fmt: skip


def _in_order(values: numpy.ndarray) -> float:
    """Spearman's correlation with the order they come in; 0 where many are equal."""
    if len(values) < 3 or len(numpy.unique(values)) < 0.5 * len(values):
        return 0.0
    ranks = numpy.argsort(numpy.argsort(values, kind="stable"), kind="stable")
    return float(numpy.corrcoef(ranks, numpy.arange(len(values)))[0, 1])


def _goes_on(split: Split, count: int) -> bool:
    """Whether any input resembles the next one more than a smooth function of the place explains: those of a sorted table do not."""
    encoded = vectors((split, numpy.arange(count)))
    if encoded is None:
        return True
    columns = encoded[0].numpy()
    powers = numpy.vander(numpy.linspace(-1, 1, count), POWERS + 1)
    rest = columns - powers @ numpy.linalg.lstsq(powers, columns, rcond=None)[0]
    moved = rest.std(0) > 1e-6 * numpy.maximum(columns.std(0), 1e-12)
    following = (rest[1:] * rest[:-1]).sum(0)[moved] / (rest[:, moved] ** 2).sum(0)
    return not len(following) or float(following.max()) > GOES_ON + 2 / count**0.5


def _counted(values: numpy.ndarray, edges: tuple[float, ...] | None) -> tuple[tuple[int, ...], tuple[float, ...]]:
    if edges is None:
        low, high = float(values.min()), float(values.max())
        if not high - low > 1e-9 * max(1e-300, abs(low), abs(high)):
            low, high = low - 0.5 * max(1.0, abs(low)), high + 0.5 * max(1.0, abs(high))
        edges = tuple(numpy.linspace(low, high, BINS + 1).tolist())
    inside = numpy.clip(values, edges[0], edges[-1])
    return tuple(numpy.histogram(inside, numpy.asarray(edges))[0].tolist()), edges


def _heaped(values: numpy.ndarray) -> tuple[int | None, float]:
    """The coarsest round number whose multiples are at least HEAPED times as frequent as among numbers without a preference."""
    whole = values[values == numpy.floor(values)]
    if len(whole) < 0.9 * len(values) or len(numpy.unique(whole)) < 20:
        return None, 0.0
    for step in ROUND:
        share = float((whole % step == 0).mean())
        if numpy.ptp(whole) >= 10 * step and share >= min(0.9, HEAPED / step) and share > 0.3:
            return step, share
    return None, 0.0


def mask_share(split: Split, target: Target) -> MaskShare | None:
    """Pixels of each class over the first sampled masks."""
    if target.kind != "mask":
        return None
    masks = [numpy.asarray(mask) for mask in list(split.target().sample)[:SAMPLES] if _is_of_classes(mask)]
    if not masks:
        return None
    pixels: Counter[int] = Counter()
    held: Counter[int] = Counter()
    for mask in masks:
        kinds, counts = numpy.unique(mask, return_counts=True)
        pixels.update(dict(zip(kinds.tolist(), counts.tolist(), strict=True)))
        held.update(kinds.tolist())
    total = sum(pixels.values())
    ranked = [kind for kind, _ in pixels.most_common(BINS)]
    return MaskShare(
        split.name, target.name, len(masks), tuple((str(kind), pixels[kind] / total) for kind in ranked),
        tuple((str(kind), held[kind] / len(masks)) for kind in ranked),
    )  # fmt: skip


def _is_of_classes(mask: Any) -> bool:
    values = numpy.asarray(mask) if mask is not None else numpy.zeros(0)
    return values.ndim >= 2 and values.dtype.kind in "iub" and values.size > 0
