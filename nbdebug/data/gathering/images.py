"""Images: sizes, channels, value range, empty ones; a thumbnail of each sampled one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy
import torch
from torch.nn import functional as F

from nbdebug.data.chunk import Field
from nbdebug.data.gathering.numbers import Moments
from nbdebug.data.split import FieldData

THUMB = 32  # pixels a side
NAMED = 64  # empty images that are remembered


@dataclass(frozen=True)
class ImageFacts:
    """Of all images that were read."""

    layout: str  # "CHW", "HWC" or "HW": how a sample lies
    sizes: dict[tuple[int, int], int]  # (height, width) → images
    channels: dict[int, int]  # channels → images
    constant: dict[str, tuple[int, tuple[int, ...]]]  # "black", "white", "one value" → how many, ids of the first


class ImageGather:
    """For images of any size, (n, C, H, W), (n, H, W, C), (n, H, W) or a list of single ones."""

    def __init__(self, field: Field, kind: str, slots: int) -> None:
        self.field, self.kind = field, kind
        self.layout = layout_of(field.values[0].shape)
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.channels: Counter[int] = Counter()
        self.shapes: Counter[tuple[int, ...]] = Counter()
        self.constant: dict[str, list[int]] = {}
        self.moments: Moments | None = None
        self.sample: numpy.ndarray | None = None
        self.slots = slots
        self.seen = 0

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        """One more chunk."""
        for row, image in enumerate(field.values):
            self.shapes[tuple(image.shape)] += 1
            pixels = channels_last(image, self.layout)  # (H, W, C)
            self.sizes[pixels.shape[:2]] += 1
            self.channels[pixels.shape[2]] += 1
            if self.moments is None:
                self.moments = Moments(pixels.shape[2])
                self.sample = numpy.zeros((self.slots, THUMB, THUMB, pixels.shape[2]), numpy.float32)
            if pixels.shape[2] == self.moments.width:
                self.moments.add(pixels.reshape(-1, pixels.shape[2]).astype(numpy.float64))
            if pixels.size and pixels.min() == pixels.max():
                self.constant.setdefault("one value", []).append(self.seen + row)
        for slot, row in zip(slots.tolist(), rows.tolist(), strict=True):
            pixels = channels_last(field.values[row], self.layout)
            if pixels.shape[2] == self.sample.shape[3]:
                self.sample[slot] = thumbnail(pixels)
        self.seen += len(field.values)

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far; `sample` holds thumbnails (K, 32, 32, C) in the units of the data."""
        constant = {word: (len(ids), tuple(ids[:NAMED])) for word, ids in self.constant.items()}
        facts = ImageFacts(self.layout, dict(self.sizes), dict(self.channels), constant)
        names = tuple(f"channel {i}" for i in range(self.moments.width))
        rows = self.sample[order].reshape(-1, self.moments.width).astype(numpy.float64)
        columns = self.moments.columns(names, (self.field.dtype,) * len(names), rows, [])
        return FieldData(self.field.name, self.field.role, self.kind, self.field.dtype, dict(self.shapes), columns, self.sample[order], facts, names)


def layout_of(shape: tuple[int, ...]) -> str:
    """How an image of this shape lies."""
    if len(shape) == 2:
        return "HW"
    return "HWC" if shape[2] in (1, 3, 4) and shape[0] not in (1, 3, 4) else "CHW"


def channels_last(image: numpy.ndarray, layout: str) -> numpy.ndarray:
    """(H, W, C)."""
    if image.ndim == 2:
        return image[:, :, None]
    return image if layout == "HWC" else numpy.moveaxis(image, 0, -1)


def thumbnail(pixels: numpy.ndarray) -> numpy.ndarray:
    """(32, 32, C) float32 area means of (H, W, C)."""
    tensor = torch.from_numpy(numpy.ascontiguousarray(numpy.moveaxis(pixels, -1, 0))).float()
    return F.adaptive_avg_pool2d(tensor, THUMB).permute(1, 2, 0).numpy()
