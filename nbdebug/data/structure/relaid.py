"""Images that were cut anew by a reshape where their axes were to be exchanged, long before the loader: read back, they are smooth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from nbdebug.data.between.vectors import evenly
from nbdebug.data.classes.in_reach import in_reach
from nbdebug.data.gathering.images import ImageFacts
from nbdebug.data.running.passing import scrambled
from nbdebug.data.running.values import inputs_of
from nbdebug.data.split import FieldData, Split

LEAST, ROWS, FEWEST = 6, 32, 4  # pixels a side; images that are looked at, and at least
MANY = 0.7  # of them must say so: stripes that lie along the rows are alike in both orders
SMOOTH, SMOOTHER = 0.6, 0.6  # distance of neighbours beside that of any two pixels of a channel, when they are read back, and what that is of it as they are; our choice


@dataclass(frozen=True)
class Relaid:
    """An image field whose numbers lie in the order of (H, W, C) under the shape (C, H, W)."""

    split: str
    field: str
    shape: tuple[int, ...]  # of an image as it is
    rough: float  # distance of neighbours beside that of any two pixels, as they are
    back: float  # the same, read as (H, W, C)


@dataclass(frozen=True)
class Recut:
    """An image field whose numbers stand, in the same order, in an array that is still held, under a shape with other axes."""

    split: str
    field: str
    shape: tuple[int, ...]  # of an image as it is
    held: str  # name of the array
    was: tuple[int, ...]  # of an image in it


def recut(split: Split) -> Recut | None:
    """None where it is not, or nothing of what it was made of is held any more."""
    field = split.input()
    if field is None or not isinstance(field.facts, ImageFacts) or split.fetch is None or not split.by_index or not len(split.ids):
        return None
    rows = [(int(index), found[0][1]) for index in split.ids[evenly(len(split.ids), FEWEST)] if len(found := inputs_of(split.fetch(int(index)))) == 1]
    if len(rows) < FEWEST or any(image.ndim != 3 for _, image in rows):
        return None
    last = max(index for index, _ in rows)
    arrays = {name: held for name, held in in_reach(split.dataset)[1].items() if held.dtype.kind in "iuf" and held.ndim == 4 and len(held) > last}
    for name, held in arrays.items():
        if all(held[index].size == image.size and scrambled(held[index], image) for index, image in rows):
            return Recut(split.name, field.name, tuple(rows[0][1].shape), name, tuple(held.shape[1:]))
    return None


def relaid(split: str, field: FieldData, values: numpy.ndarray) -> Relaid | None:
    """None where they are not, or where that cannot be told: noise is as rough in every order.

    Args:
        values: (N, C, H, W) of a batch, as delivered.
    """
    images = values.ndim == 4 and values.shape[1] in (2, 3, 4) and min(values.shape[2:]) >= LEAST and isinstance(field.facts, ImageFacts)
    if not images or len(values) < FEWEST or values.dtype.kind not in "iuf":
        return None
    values = values[evenly(len(values), ROWS)].astype(numpy.float64)
    count, channels, height, width = values.shape
    read_back = numpy.moveaxis(values.reshape(count, height, width, channels), 3, 1)
    rough, back = _roughness(values), _roughness(read_back)
    if not ((back < SMOOTH) & (back < SMOOTHER * rough)).mean() >= MANY:
        return None
    return Relaid(split, field.name, tuple(values.shape[1:]), float(numpy.median(rough)), float(numpy.median(back)))


def _roughness(images: numpy.ndarray) -> numpy.ndarray:
    """(N,) of (N, C, H, W): mean distance of neighbours within a channel, beside that of its pixels in any order; NaN of one that is constant."""
    mixed = numpy.random.default_rng(0).permutation(images[0, 0].size)
    anyhow = images.reshape(*images.shape[:2], -1)[:, :, mixed]
    near = [abs(numpy.diff(images, axis=axis)).mean((1, 2, 3)) for axis in (2, 3)]
    far = abs(numpy.diff(anyhow, axis=2)).mean((1, 2))
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return numpy.maximum(*near) / far
