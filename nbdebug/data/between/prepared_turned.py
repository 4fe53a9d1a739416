"""Pictures and series that lie the other way in val: turned, mirrored, their axes exchanged, time running backwards.

What all samples of a split have in common, their mean, is compared with that of val in every position.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from nbdebug.data.between.found import Preparation
from nbdebug.data.between.vectors import evenly, shrunk
from nbdebug.data.split import FieldData

FEWEST, MOST = 40, 1000  # samples of either side
SIDE, STEPS = 8, (6, 256)  # cells of a picture, along each side; fewest steps of a series, and most
PARTS = 20  # random parts of train
CLEAR = 3.0  # times what the farthest of them differs by, that val lies off as it stands; our choice
FITS = 1.1  # times it, at most, in another position


def prepared_turned(train: FieldData, val: FieldData) -> list[Preparation]:
    """The one position in which val's mean is train's; empty where it is so as it stands, or in none."""
    one, other = _means(train), _means(val)
    if one is None or other is None or one.shape[1:] != other.shape[1:] or min(len(one), len(other)) < FEWEST:
        return []
    random, part = numpy.random.default_rng(0), min(len(other), len(one) // 2)
    orders = [random.permutation(len(one)) for _ in range(PARTS)]
    bound = max(_apart(one[order[part:]].mean(0), one[order[:part]].mean(0)) for order in orders)
    mean, mine = one.mean(0), other.mean(0)
    before = _apart(mean, mine)
    if before < CLEAR * bound:
        return []
    after, said = min((_apart(mean, turned), said) for said, turned in _positions(mine, train.kind))
    if after > FITS * bound:
        return []
    rule = f"{said}: the mean of all samples of val is then off that of train by {after / bound:.2g} times what parts of train are, as it stands by {before / bound:.2g} times"
    return [Preparation(train.name, (), rule, None, None, None, True)]


def _means(field: FieldData) -> numpy.ndarray | None:
    """(K, 8, 8, C) of pictures, (K, T, C) of series."""
    values = field.sample
    if not isinstance(values, numpy.ndarray) or not len(values):
        return None
    values = values[evenly(len(values), MOST)]
    if field.kind == "image" and values.ndim == 4:
        return shrunk(values, SIDE)
    if field.kind in ("series", "audio") and values.ndim == 3:
        values = values if values.shape[1] >= values.shape[2] else values.swapaxes(1, 2)
        if values.shape[1] >= STEPS[0] and numpy.isfinite(values).all():
            each = -(-values.shape[1] // STEPS[1])
            values = values[:, : values.shape[1] // each * each].astype(float)  # as many off the other end would move the steps
            return values.reshape(len(values), -1, each, values.shape[2]).mean(2)
    return None


def _positions(mean: numpy.ndarray, kind: str) -> Iterator[tuple[str, numpy.ndarray]]:
    if kind != "image":
        yield "val runs backwards in time", mean[::-1]
        return
    for turns in range(4):
        for mirrored in (False, True):
            if turns or mirrored:
                turned = numpy.rot90(mean[:, ::-1] if mirrored else mean, turns)
                yield _said(turns, mirrored), turned


def _said(turns: int, mirrored: bool) -> str:
    if mirrored and turns in (1, 3):
        return "height and width are exchanged in val"
    if mirrored:
        return f"val is {'mirrored' if not turns else 'upside down'}"
    return f"val is turned by {90 * turns} degrees"


def _apart(a: numpy.ndarray, b: numpy.ndarray) -> float:
    return float(numpy.sqrt(numpy.square(a - b).mean()))
