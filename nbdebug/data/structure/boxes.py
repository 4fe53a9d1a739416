"""Boxes: do they lie in their images, and in which way of writing?

The way of writing is found by experiment: that one in which every box lies inside its image and has an area.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.gathering.images import ImageFacts
from nbdebug.data.sources.coco import Coco
from nbdebug.data.split import FieldData, Split
from nbdebug.data.structure.odd import NAMED, Odd, odd

READINGS = ("xyxy", "xywh", "cxcywh")
OUTSIDE_PIXELS, OUTSIDE_SHARE = 2.0, 0.01  # pixels, and share of the side, that a box may stick out: rounding
UNIT = 1.05  # what was divided by the size of the image stays below
FITS, MISFITS = 0.99, 0.1  # shares of boxes from which on one reading is right, and another wrong
MOST = 0.6  # of the boxes must fit the best reading before the others are called wrong
FEWEST = 3  # boxes
BINS = 24


@dataclass(frozen=True)
class BoxLook:
    """The boxes of one split."""

    split: str
    field: str
    images: int
    boxes: int
    without: int  # images that have none
    crowds: int
    reading: str  # "xywh in pixels", "cxcywh, normalised"; "" where none fits
    sides: tuple[float, ...]  # edges (B + 1,) of the histogram below, the box's longer side as a share of the image's
    side_counts: tuple[int, ...]
    aspects: tuple[float, ...]  # edges of width / height
    aspect_counts: tuple[int, ...]
    categories: tuple[tuple[str, int], ...]  # name → boxes, most frequent first
    unused: int  # categories without a box
    gaps: str  # numbers that are left out: "11 of 1..91", "" without any


@dataclass(frozen=True)
class Boxes:
    """The boxes of one split as arrays."""

    boxes: numpy.ndarray  # (B, 4) float64
    row: numpy.ndarray  # (B,) which image
    sizes: numpy.ndarray  # (n, 2) height, width; NaN where unknown
    labels: numpy.ndarray  # (B,) int64, -1: none
    ids: numpy.ndarray  # (n,) of the images, as in Split.ids
    names: dict[int, str]  # of the categories
    said: str = ""  # the reading that the format prescribes
    crowds: int = 0


def boxes_of(split: Split) -> tuple[FieldData | None, Boxes | None]:
    """The boxes of a COCO file, or those among the targets of a loader."""
    field = next((f for f in split.fields if f.kind == "boxes"), None)
    if isinstance(split.dataset, Coco):
        coco = split.dataset
        ids = numpy.arange(len(coco))
        return field, Boxes(coco.boxes, coco.of_image, coco.sizes, coco.labels, ids, coco.categories, "xywh", int(coco.crowd.sum()))
    if field is None:
        return None, None
    rows = [_rows(entry) for entry in field.sample]
    if all(r is None for r in rows):
        return None, None
    counts = numpy.array([0 if r is None else len(r) for r in rows])
    flat = numpy.concatenate([r for r in rows if r is not None]).reshape(-1, 4)
    labels = _labels(split, field, counts)
    kept = numpy.ones(len(flat), bool)
    if (counts == counts[0]).all() and counts[0] > 1:  # filled up to one number of boxes
        kept = ~(flat == flat[:, :1]).all(1)
    row = numpy.repeat(numpy.arange(len(rows)), counts)
    return field, Boxes(flat[kept], row[kept], _sizes(split), labels[kept], split.ids, {})


def odd_boxes(split: Split, field: FieldData, given: Boxes) -> tuple[BoxLook, list[Odd]]:
    """Counts, and what is wrong."""
    whole = numpy.isfinite(given.boxes).all(1)
    boxes, row, labels = given.boxes[whole], given.row[whole], given.labels[whole]
    sizes = given.sizes[row]
    reading, normalised, wrong = _reading(boxes, sizes, given.said)
    found = list(_wrong(split, field, given, boxes, row, labels, reading, normalised))
    if (~whole).any():
        found.append(odd("not finite", split, field, f"{(~whole).sum():,} of {len(whole):,} boxes hold NaN or Inf", int((~whole).sum()), len(whole), given.ids[numpy.unique(given.row[~whole])]))
    shown = wrong or reading
    if wrong:
        inside = inside_of(boxes, sizes, reading, normalised)
        what = (
            f"{(~inside).sum():,} of {len(boxes):,} boxes leave their image read as {reading}, and {'all' if inside_of(boxes, sizes, wrong, normalised).all() else 'nearly all'} "
            f"lie inside read as {wrong}"
        )
        found = [odd("reading", split, field, what, int((~inside).sum()), len(boxes), given.ids[numpy.unique(row[~inside])])]
    return _look(split, field, given, boxes, sizes, labels, shown, normalised), found


def corners(boxes: numpy.ndarray, reading: str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(B, 2) upper left and (B, 2) lower right corners."""
    first, second = boxes[:, :2], boxes[:, 2:]
    if reading == "xyxy":
        return first, second
    return (first, first + second) if reading == "xywh" else (first - second / 2, first + second / 2)


def inside_of(boxes: numpy.ndarray, sizes: numpy.ndarray, reading: str, normalised: bool, *, flat: bool = False) -> numpy.ndarray:
    """(B,) whether a box has an area (or, with `flat`, none, but no negative one) and lies inside its image, where its size is known."""
    upper, lower = corners(boxes, reading)
    limit = numpy.ones_like(upper) if normalised else sizes[:, ::-1]  # width, height
    loose = OUTSIDE_SHARE * limit if normalised else numpy.maximum(OUTSIDE_PIXELS, OUTSIDE_SHARE * limit)
    loose = numpy.where(numpy.isfinite(loose), loose, OUTSIDE_PIXELS)
    area = lower >= upper if flat else lower > upper
    return (area & (upper >= -loose) & ~(lower > limit + loose)).all(1)


def _reading(boxes: numpy.ndarray, sizes: numpy.ndarray, said: str) -> tuple[str, bool, str]:
    """The reading in force, whether it is normalised, and the right one where that in force is wrong ("" where it is right)."""
    normalised = len(boxes) > 0 and float(numpy.abs(boxes).max()) <= UNIT and not (sizes <= UNIT).any()
    fits = {reading: float(inside_of(boxes, sizes, reading, normalised, flat=True).mean()) if len(boxes) else 1.0 for reading in READINGS}
    best = max(READINGS, key=lambda reading: fits[reading])
    if not said:
        return (best if fits[best] >= MOST else ""), normalised, ""
    misfit = (1 - fits[said]) * len(boxes)
    known = bool(numpy.isfinite(sizes).all())
    wrong = best if known and fits[best] >= FITS and 1 - fits[said] >= MISFITS and misfit >= FEWEST else ""
    return said, normalised, wrong


def _wrong(split, field, given: Boxes, boxes, row, labels, reading: str, normalised: bool) -> Iterator[Odd]:
    if not len(boxes) or not reading:
        return
    total, sizes = len(boxes), given.sizes[row]

    def these(kind: str, which: numpy.ndarray, said: str) -> Odd:
        first = int(numpy.flatnonzero(which)[0])
        height, width = sizes[first]
        size = f" in an image {width:g} wide and {height:g} high" if numpy.isfinite(width + height) else ""
        example = f"{[float(f'{v:.4g}') for v in boxes[first]]}{size}"
        what = f"{which.sum():,} of {total:,} boxes {said}, such as {example} (read as {reading})"
        return odd(kind, split, field, what, int(which.sum()), total, given.ids[numpy.unique(row[which])][:NAMED])

    small = _normalised_among_pixels(boxes, row, sizes) if not normalised else numpy.zeros(total, bool)
    if small.any():
        yield these("normalised", small, "are shares of the image, where the others are pixels")
    upper, lower = corners(boxes, reading)
    flat = ~(lower > upper).all(1) & ~small
    if flat.any():
        negative = (lower < upper).any(1) & flat
        yield these("no area", flat, "have no area" + (f" ({negative.sum():,} a negative width or height)" if negative.any() else ""))
    outside = ~inside_of(boxes, sizes, reading, normalised) & ~flat & ~small
    if outside.any():
        yield these("outside", outside, "leave their image")
    twice = _duplicates(boxes, row, labels) & ~flat
    if twice.any():
        yield these("duplicate boxes", twice, "are there twice, with the same label")
    if given.said == "xywh" and normalised:
        yield these("normalised", numpy.ones(total, bool), "are shares of the image, where COCO has pixels")


def _normalised_among_pixels(boxes: numpy.ndarray, row: numpy.ndarray, sizes: numpy.ndarray) -> numpy.ndarray:
    """Boxes of images all of whose boxes lie in 0..1, with fractions, in larger images."""
    largest = numpy.zeros(int(row.max(initial=-1)) + 1)
    numpy.maximum.at(largest, row, numpy.abs(boxes).max(1))
    small = largest[row] <= UNIT
    fractions = (boxes != numpy.round(boxes)).sum(1) >= 2
    return small & fractions & (numpy.nan_to_num(sizes.min(1), nan=100.0) >= 8) & bool((~small).any())


def _duplicates(boxes: numpy.ndarray, row: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    rows = numpy.column_stack([row, labels, boxes])
    _, first, back = numpy.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first[back.reshape(-1)] != numpy.arange(len(rows))


def _look(split, field, given: Boxes, boxes, sizes, labels, reading: str, normalised: bool) -> BoxLook:
    upper, lower = corners(boxes, reading or "xywh")
    spans = lower - upper
    limit = numpy.ones_like(spans) if normalised else sizes[:, ::-1]
    good = (spans > 0).all(1)
    shares = numpy.max(spans / numpy.where(limit > 0, limit, numpy.nan), axis=1)[good] if len(spans) else numpy.zeros(0)
    shares = shares[numpy.isfinite(shares)].clip(0, 1)
    aspects = (spans[good, 0] / spans[good, 1]).clip(0.05, 20)
    values, counts = numpy.unique(labels[labels >= 0], return_counts=True)
    order = numpy.argsort(-counts, kind="stable")
    categories = tuple((given.names.get(int(values[i]), str(int(values[i]))), int(counts[i])) for i in order)
    side_edges, aspect_edges = numpy.linspace(0, 1, BINS + 1), numpy.geomspace(0.05, 20, BINS + 1)
    names = sorted(given.names)
    missing = (names[-1] - names[0] + 1 - len(names)) if names else 0
    return BoxLook(
        split.name, field.name, len(given.ids), len(given.boxes), len(given.ids) - len(numpy.unique(given.row)), given.crowds,
        f"{reading}, {'normalised' if normalised else 'in pixels'}" if reading else "",
        tuple(side_edges.tolist()), tuple(numpy.histogram(shares, side_edges)[0].tolist()),
        tuple(aspect_edges.tolist()), tuple(numpy.histogram(aspects, aspect_edges)[0].tolist()), categories,
        len(set(names) - set(values.tolist())), f"{missing:,} of {names[0]}..{names[-1]}" if missing > 0 else "",
    )  # fmt: skip


def _rows(entry) -> numpy.ndarray | None:
    values = numpy.asarray(entry) if entry is not None else None
    if values is None or values.dtype.kind not in "fiu" or values.size % 4 or (values.size and values.shape[-1] != 4):
        return None
    return values.reshape(-1, 4).astype(numpy.float64)


def _labels(split: Split, field: FieldData, counts: numpy.ndarray) -> numpy.ndarray:
    """The labels beside the boxes, or -1."""
    name = field.name.replace("boxes", "labels").replace("bbox", "labels")
    beside = split.named(name)
    if beside is None or name == field.name or len(beside.sample) != len(counts):
        return numpy.full(int(counts.sum()), -1)
    entries = [numpy.asarray(entry).reshape(-1) if entry is not None else numpy.zeros(0) for entry in beside.sample]
    if any(len(entry) != count or entry.dtype.kind not in "iuf" for entry, count in zip(entries, counts, strict=True)):
        return numpy.full(int(counts.sum()), -1)
    return numpy.concatenate(entries).astype(numpy.int64)


def _sizes(split: Split) -> numpy.ndarray:
    """(K, 2) height and width of the sampled images."""
    images = next((f for f in split.fields if f.kind == "image" and isinstance(f.facts, ImageFacts)), None)
    if images is None or len(images.facts.sampled_sizes) != len(split.ids):
        return numpy.full((len(split.ids), 2), numpy.nan)
    sizes = images.facts.sampled_sizes.astype(numpy.float64)
    return numpy.where(sizes > 0, sizes, numpy.nan)
