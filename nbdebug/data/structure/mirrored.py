"""Are images mirrored, and targets that turn with them left as they are? A rule from images to targets is learnt, and asked of the images mirrored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.between.vectors import evenly, pooled
from nbdebug.data.classes.target import target_of
from nbdebug.data.running.values import inputs_of, is_target, leaves
from nbdebug.data.split import FieldData, Split

SAMPLES, READINGS = 8, 5  # of train that are read again; a mirror of one in two shows in all but 1 of 16
SHOWN = 2  # samples at least that came out both ways
ALIKE, UNLIKE = 0.95, 0.9  # correlation of two readings, one of them mirrored, and as they are
FEWEST, MOST = 60, 600  # samples of val
SIDE, RIDGE = 8, 0.1
TOLD, TURNED = 0.5, -0.5  # correlation of guess and target, and what the mirror makes of it: of a target that turns it is -1, of one that does not 1; our choice
PAIR = 0.6  # share of a class that the mirror makes another, and back; our choice
WIDEST = 64  # numbers of a target; a mask is looked at elsewhere


@dataclass(frozen=True)
class Mirrored:
    """Targets that were left behind."""

    split: str
    field: str  # of the images
    target: str  # "targets, column 0", "targets: left and right"
    axis: str  # "left to right", "upside down"
    told: float  # correlation of guess and target, or share of the two classes that is told
    turned: float  # the same of the mirrored images
    samples: tuple[int, ...]


def mirrored(train: Split, val: Split | None) -> Mirrored | None:
    """None where nothing is mirrored, targets go with it, or do not turn; and where there is no validation to learn from."""
    image = next((f for f in train.fields if f.role == "input" and f.kind == "image"), None)
    ours = val.named(image.name) if val is not None and image is not None else None
    if ours is None or ours.kind != "image" or train.fetch is None or not train.by_index or (target := _target(val)) is None:
        return None
    for axis, said, ids in _left_behind(train):
        for name, told, turned in _turning(ours, target, axis):
            return Mirrored(train.name, image.name, name, said, told, turned, ids)
    return None


@dataclass(frozen=True)
class _Asked:
    """What is to be predicted of the sampled rows."""

    name: str
    values: numpy.ndarray  # (K, C), NaN where it is not known; of classes 1 in the column of the class
    classes: tuple[Any, ...] = ()


def _target(split: Split) -> _Asked | None:
    field, target = split.target(), target_of(split)
    if field is None or target is None:
        return None
    if target.kind == "classes" and target.codes is not None:
        values = target.answers(numpy.arange(len(target.codes)))
        return _Asked(field.name, numpy.where(values.any(1, keepdims=True), values, numpy.nan), target.frequent())
    if field.kind not in ("tabular", "quantity") or not isinstance(field.sample, numpy.ndarray) or field.sample.dtype.kind not in "iuf":
        return None
    values = field.sample.reshape(len(field.sample), -1).astype(float)
    return _Asked(field.name, values) if values.shape[1] <= WIDEST else None


def _left_behind(train: Split) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """Axes along which images are mirrored without a change of the target, and samples in which it was seen."""
    seen: dict[int, list[int]] = {1: [], 2: []}
    for index in train.ids[evenly(len(train.ids), SAMPLES)]:
        try:
            readings = [_parts(train.fetch(int(index))) for _ in range(READINGS)]
        except Exception:  # the dataset's own trouble is told elsewhere
            return
        first = readings[0]
        for axis in seen:
            if any(_is_mirror(first[0], other[0], axis) for other in readings[1:]) and all(_same(first[1], other[1]) for other in readings[1:]):
                seen[axis].append(int(index))
    for axis, said in ((2, "left to right"), (1, "upside down")):
        if len(seen[axis]) >= SHOWN:
            yield axis, said, tuple(seen[axis])


def _parts(item: Any) -> tuple[numpy.ndarray | None, list[numpy.ndarray]]:
    """The image, (C, H, W), and what small numbers are to be predicted."""
    images = [array for _, array in inputs_of(item) if array.ndim in (2, 3) and min(array.shape[-2:]) >= 3 or array.ndim == 3 and min(array.shape[:2]) >= SIDE]
    image = images[0].astype(numpy.float64) if images else None
    if image is not None and image.ndim == 2:
        image = image[None]
    elif image is not None and image.shape[-1] <= 4 < image.shape[0]:
        image = numpy.moveaxis(image, -1, 0)
    return image, [array for path, array in leaves(item) if is_target(path, item) and array.size <= WIDEST]


def _is_mirror(one: numpy.ndarray | None, other: numpy.ndarray | None, axis: int) -> bool:
    if one is None or other is None or one.shape != other.shape or one.std() == 0 or other.std() == 0:
        return False
    return _like(numpy.flip(one, axis), other) > ALIKE and _like(one, other) < UNLIKE


def _like(one: numpy.ndarray, other: numpy.ndarray) -> float:
    return float(numpy.corrcoef(one.reshape(-1), other.reshape(-1))[0, 1])


def _same(one: list[numpy.ndarray], other: list[numpy.ndarray]) -> bool:
    return bool(one) and len(one) == len(other) and all(a.shape == b.shape and numpy.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _turning(images: FieldData, target: _Asked, axis: int) -> Iterator[tuple[str, float, float]]:
    """Targets that turn with the mirror: the name, how well they are told, and what becomes of that."""
    rows = numpy.flatnonzero(numpy.isfinite(target.values).all(1))
    rows = rows[evenly(len(rows), MOST)]
    x = pooled(images, rows, SIDE) if len(rows) >= FEWEST and len(target.values) == len(images.sample) else None
    if x is None or not numpy.isfinite(x).all():
        return
    y, flipped = target.values[rows], numpy.flip(x.reshape(len(rows), SIDE, SIDE, -1), axis).reshape(len(rows), -1)
    guess, turned = _guesses(x, flipped, y)
    for column in range(y.shape[1]) if not target.classes else ():
        told, after = _correlation(guess[:, column], y[:, column]), _correlation(turned[:, column], y[:, column])
        if told >= TOLD and after <= TURNED * told:
            yield (f"{target.name}, column {column}" if y.shape[1] > 1 else target.name), told, after
    right, was, became = y.argmax(1), guess.argmax(1), turned.argmax(1)
    for one in range(len(target.classes)):
        for other in range(one):
            both = [((was[right == a] == a).mean(), (became[right == a] == b).mean()) for a, b in ((one, other), (other, one)) if (right == a).any()]
            if len(both) == 2 and min(share for pair in both for share in pair) >= PAIR:
                yield f"{target.name}: {target.classes[other]} and {target.classes[one]}", float(min(p[0] for p in both)), float(min(p[1] for p in both))


def _guesses(x: numpy.ndarray, flipped: numpy.ndarray, y: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(n, C) each, by ridge regression that does not know the sample: of the images, and of them mirrored."""
    mean, spread = x.mean(0), x.std(0) + 1e-9
    x, flipped = (x - mean) / spread, (flipped - mean) / spread
    guess, turned = numpy.zeros_like(y), numpy.zeros_like(y)
    part = numpy.random.default_rng(0).permutation(len(x)) % 4
    for one in range(4):
        known, asked = part != one, part == one
        a, b = x[known], y[known] - y[known].mean(0)
        weights = numpy.linalg.solve(a.T @ a + RIDGE * len(a) * numpy.eye(x.shape[1]), a.T @ b)
        guess[asked], turned[asked] = x[asked] @ weights + y[known].mean(0), flipped[asked] @ weights + y[known].mean(0)
    return guess, turned


def _correlation(one: numpy.ndarray, other: numpy.ndarray) -> float:
    return float(numpy.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else 0.0
