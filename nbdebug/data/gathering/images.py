"""Images: sizes, channels, layout, value range, empty ones; a thumbnail of each sampled one, a hash of every one.

Extremes and NaN come from every pixel, everything else from every k-th row and column of what is larger than 64 a side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.gathering.pixels import PixelMoments, difference_hashes, looked_over, thumbnails
from nbdebug.data.split import FieldData

THUMB = 32  # pixels a side
NAMED = 1000  # images of one make whose ids are remembered
MOST_SIZES = 10_000  # different sizes that are told apart
MOST_HASHES = 500_000
BLOCK, FEWEST = 1_000_000, 64  # bytes of images that are worked on together, and how many they are at least
CHANNELS = (1, 3, 4)  # grey, colour, colour with alpha
FRACTIONS, FRACTION_SPREAD = 0.5, 0.05  # an image in 0..1 reaches this far and varies this much; less may be a dark one in 0..255

Tally = dict[str, tuple[int, tuple[int, ...]]]  # word → how many images, ids of the first of them


@dataclass(frozen=True)
class ImageFacts:
    """Of all images that were read."""

    layout: str  # "CHW", "HWC" or "HW": how most samples lie
    sizes: dict[tuple[int, int], int]  # (height, width) → images
    channels: dict[int, int]  # channels → images
    constant: Tally  # "black" (0, or the lowest value of all), "white" (the highest of all), "one value"
    layouts: Tally = field(default_factory=dict)  # "CHW", "HWC", "HW"
    channel_ids: Tally = field(default_factory=dict)  # "1", "3" …: channels
    dtypes: Tally = field(default_factory=dict)
    ranges: Tally = field(default_factory=dict)  # "0..1", "-1..1", "0..255", "standardised", "other"; constant ones are in none
    broken: Tally = field(default_factory=dict)  # "NaN", "Inf", "no image"
    nan_pixels: int = 0
    phashes: numpy.ndarray = field(default_factory=lambda: numpy.zeros(0, numpy.uint64))  # (M,) 64-bit difference hashes, at most 500,000
    phash_ids: numpy.ndarray = field(default_factory=lambda: numpy.zeros(0, numpy.int64))  # (M,) ids of their images
    sampled_sizes: numpy.ndarray = field(default_factory=lambda: numpy.zeros((0, 2), numpy.int64))  # (K, 2) height, width of sampled rows


class Words:
    """How many images are of each make, and the ids of the first of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.ids: dict[str, list[int]] = {}

    def add(self, word: str, ids: numpy.ndarray) -> None:
        """These images are of this make."""
        if len(ids):
            self.counts[word] += len(ids)
            known = self.ids.setdefault(word, [])
            known.extend(ids[: NAMED - len(known)].tolist())

    def tally(self) -> Tally:
        """Most frequent first."""
        return {word: (count, tuple(self.ids[word])) for word, count in self.counts.most_common()}


class ImageGather:
    """For images of any size, (n, C, H, W), (n, H, W, C), (n, H, W) or a list of single ones."""

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.field, self.kind = field, kind
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.shapes: Counter[tuple[int, ...]] = Counter()
        self.layouts, self.channels, self.dtypes, self.ranges, self.broken = (Words() for _ in range(5))
        self.flat: list[tuple[int, float]] = []  # id and value of the first images of one value
        self.flats: Counter[float] = Counter()
        self.moments: dict[int, PixelMoments] = {}  # by channels
        self.hashes: list[numpy.ndarray] = []
        self.hash_ids: list[numpy.ndarray] = []
        self.hashed = self.seen = 0
        self.sample: list[numpy.ndarray | None] = [None] * slots
        self.sampled_sizes = numpy.zeros((slots, 2), numpy.int64)

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray, ids: numpy.ndarray | None = None) -> None:
        """One more chunk; images without ids are called by their running numbers."""
        ids = numpy.arange(self.seen, self.seen + len(field.values)) if ids is None else ids
        self.seen += len(field.values)
        wanted: dict[int, list[int]] = {}
        for slot, row in zip(slots.tolist(), rows.tolist(), strict=True):
            wanted.setdefault(row, []).append(slot)
        for places, images, layout in self._groups(field.values, ids):
            self.layouts.add(layout, ids[places])
            self.dtypes.add(str(images[0].dtype), ids[places])
            self.shapes[tuple(images[0].shape)] += len(places)
            first = channels_first(images[0], layout)
            block = max(FEWEST, BLOCK // first.nbytes)
            for start in range(0, len(places), block):
                self._take([channels_first(image, layout) for image in images[start : start + block]], places[start : start + block], ids, wanted)

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far; `sample` holds thumbnails (K, 32, 32, C) in the units of the data."""
        channels = int(next(iter(self.channels.counts.most_common(1)), ("1", 0))[0])
        moments = self.moments.get(channels, PixelMoments(channels))
        names = tuple(f"channel {i}" for i in range(channels))
        sample = numpy.stack([_of_channels(self.sample[slot], channels) for slot in order]) if len(order) else numpy.zeros((0, THUMB, THUMB, channels), numpy.float32)
        columns = moments.columns(names, self.field.dtype, sample)
        return FieldData(self.field.name, self.field.role, self.kind, self.field.dtype, dict(self.shapes), columns, sample, self._facts(order), names)

    def _facts(self, order: numpy.ndarray) -> ImageFacts:
        joined = [numpy.concatenate(parts) if parts else numpy.zeros(0, dtype) for parts, dtype in ((self.hashes, numpy.uint64), (self.hash_ids, numpy.int64))]
        return ImageFacts(
            next(iter(self.layouts.tally()), "CHW"), dict(self.sizes), {int(word): n for word, n in self.channels.counts.items()}, self._constant(),
            self.layouts.tally(), self.channels.tally(), self.dtypes.tally(), self.ranges.tally(), self.broken.tally(),
            int(sum(m.missing.sum() for m in self.moments.values())), *joined, self.sampled_sizes[order],
        )  # fmt: skip

    def _constant(self) -> Tally:
        low = min((float(m.low.min()) for m in self.moments.values()), default=0.0)
        high = max((float(m.high.max()) for m in self.moments.values()), default=0.0)
        found: dict[str, tuple[int, list[int]]] = {}
        for value, count in self.flats.items():
            word = "black" if value in (0.0, low) else "white" if value == high else "one value"
            before, ids = found.get(word, (0, []))
            found[word] = (before + count, ids + [number for number, its in self.flat if its == value])
        return {word: (count, tuple(ids)) for word, (count, ids) in found.items()}

    def _groups(self, values: Any, ids: numpy.ndarray) -> Iterator[tuple[numpy.ndarray, Any, str]]:
        """Images of one shape, dtype and layout: their rows, the images themselves, how they lie."""
        if isinstance(values, numpy.ndarray):
            if values.size and values.dtype.kind in "fiub":
                yield numpy.arange(len(values)), values, self._layout(values.shape[1:])
            elif len(values):
                self.broken.add("no image", ids)
            return
        alike: dict[tuple[Any, ...], list[int]] = {}
        for row, image in enumerate(values):
            usable = isinstance(image, numpy.ndarray) and image.ndim in (2, 3) and image.size and image.dtype.kind in "fiub"
            alike.setdefault((image.shape, image.dtype.str) if usable else (), []).append(row)
        self.broken.add("no image", ids[alike.pop((), [])])
        for (shape, _), places in alike.items():
            yield numpy.array(places), [values[row] for row in places], self._layout(shape)

    def _layout(self, shape: tuple[int, ...]) -> str:
        most = next((word for word, _ in self.layouts.counts.most_common() if word != "HW"), "")
        return layout_of(shape) or most or ("HWC" if shape[0] not in CHANNELS and shape[2] < min(shape[:2]) else "CHW")

    def _take(self, images: list[numpy.ndarray], places: numpy.ndarray, ids: numpy.ndarray, wanted: dict[int, list[int]]) -> None:
        """A block of (C, H, W) images of one shape."""
        channels, height, width = images[0].shape
        low, high, small = looked_over(images)
        moments = self.moments.setdefault(channels, PixelMoments(channels))
        bad = ~numpy.isfinite(low + high).all(1)
        for row in numpy.flatnonzero(bad):
            low[row], high[row] = self._mend(images[row], moments, ids[places[row]])
        moments.add(small, low, high, len(images) * height * width)
        small = numpy.nan_to_num(small, nan=0.0, posinf=0.0, neginf=0.0) if bad.any() else small
        self.sizes[(height, width) if len(self.sizes) < MOST_SIZES else (0, 0)] += len(images)
        self.channels.add(str(channels), ids[places])
        flat = (low.min(1) == high.max(1)) & ~bad
        self._note_flat(low[flat, 0], ids[places[flat]])
        for word, which in ranges(small, low.min(1), high.max(1), images[0].dtype).items():
            self.ranges.add(word, ids[places[which & ~flat]])
        self._hash(small, ids[places])
        kept = [row for row, place in enumerate(places.tolist()) if place in wanted]
        for row, thumb in zip(kept, thumbnails(small[kept], THUMB) if kept else (), strict=True):
            for slot in wanted[int(places[row])]:
                self.sample[slot], self.sampled_sizes[slot] = thumb.copy(), (height, width)  # a view would keep the whole block

    def _mend(self, image: numpy.ndarray, moments: PixelMoments, number: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Counts what is not finite; lowest and highest of the rest, NaN where there is none."""
        moments.count_broken(image[None])
        name = numpy.array([number])
        self.broken.add("NaN" if numpy.isnan(image).any() else "Inf", name)
        finite = numpy.isfinite(image)
        low, high = numpy.where(finite, image, numpy.inf).min((1, 2)), numpy.where(finite, image, -numpy.inf).max((1, 2))
        return tuple(numpy.where(numpy.isfinite(ends), ends, numpy.nan) for ends in (low, high))

    def _note_flat(self, values: numpy.ndarray, ids: numpy.ndarray) -> None:
        for value, number in zip(values.tolist(), ids.tolist(), strict=True):
            self.flats[value] += 1
            if len(self.flat) < NAMED:
                self.flat.append((number, value))

    def _hash(self, small: numpy.ndarray, ids: numpy.ndarray) -> None:
        if self.hashed < MOST_HASHES:
            self.hashes.append(difference_hashes(small)[: MOST_HASHES - self.hashed])
            self.hash_ids.append(ids[: len(self.hashes[-1])].astype(numpy.int64))
            self.hashed += len(self.hashes[-1])


def layout_of(shape: tuple[int, ...]) -> str:
    """How an image of this shape lies: "CHW", "HWC" or "HW"; "" where both readings make sense, or neither is usual."""
    if len(shape) == 2:
        return "HW"
    first, last = shape[0] in CHANNELS, shape[2] in CHANNELS
    if first:
        return "" if last and shape[0] >= shape[2] else "CHW"
    return "HWC" if last and min(shape[:2]) > shape[2] else ""


def channels_first(image: numpy.ndarray, layout: str) -> numpy.ndarray:
    """(C, H, W), a view."""
    if image.ndim == 2:
        return image[None]
    return numpy.moveaxis(image, -1, 0) if layout == "HWC" else image


def ranges(small: numpy.ndarray, low: numpy.ndarray, high: numpy.ndarray, dtype: numpy.dtype) -> dict[str, numpy.ndarray]:
    """Which of n images lie in which range: word → (n,) bool. A range is overshot a little where images were resized or jittered."""
    if dtype.kind in "iub":
        byte = (low >= 0) & (high <= 255)
        return {"0..255": byte & (high > 1), "0 or 1": byte & (high <= 1), "other": ~byte}
    unit = (low >= -0.25) & (high <= 1.5)
    signed = ~unit & (low >= -1.5) & (high <= 1.5)
    pixels = (low >= -20) & (high > 40) & (high <= 275)
    spread = numpy.maximum(numpy.abs(low), numpy.abs(high))
    standardised = ~unit & ~signed & (spread <= 12) & (low < -0.25)
    some = small[:, :, ::4, ::4] if min(small.shape[2:]) >= 32 else small
    faint = unit & ((high < FRACTIONS) | (some.std((1, 2, 3)) < FRACTION_SPREAD) | (some == numpy.round(some)).all((1, 2, 3)))
    named = {"0..1": unit & ~faint, "faint": faint, "-1..1": signed, "0..255": pixels, "standardised": standardised}
    return {**named, "other": ~numpy.logical_or.reduce(list(named.values()))}


def _of_channels(thumb: numpy.ndarray | None, channels: int) -> numpy.ndarray:
    """(32, 32, channels): grey as colour, colour as grey, what is missing black."""
    if thumb is None:
        return numpy.zeros((THUMB, THUMB, channels), numpy.float32)
    if thumb.shape[2] == channels:
        return thumb
    if thumb.shape[2] == 1 or channels == 1:
        return numpy.repeat(thumb.mean(2, keepdims=True), channels, 2)
    kept = thumb[:, :, :channels]
    return numpy.pad(kept, ((0, 0), (0, 0), (0, channels - kept.shape[2])))
