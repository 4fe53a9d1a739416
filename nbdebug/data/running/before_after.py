"""A few samples as they are stored and as they leave the transforms, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from nbdebug.data.running.passing import Passage, pairs
from nbdebug.data.running.values import describe
from nbdebug.data.samples.exhibits import row, trace
from nbdebug.data.samples.pictures import channels_last, picture, value_range
from nbdebug.page import Exhibit

SHOWN = 3  # samples, and draws of each
LEAST = 8  # pixels a side of what is drawn as an image
VALUES = 8  # numbers that a row shows


def before_after(found: list[Passage]) -> tuple[Exhibit, ...]:
    """Raw and transformed, sample by sample, with other random numbers each time."""
    shown: list[Exhibit] = []
    indices = list(dict.fromkeys(str(passage.index) for passage in found))[:SHOWN]
    for index in indices:
        draws = [passage for passage in found if str(passage.index) == index][:SHOWN]
        ends = [end for passage in draws if (end := _ends(passage)) is not None]
        if ends:
            shown.append(_exhibit(f"{index}, raw", ends[0][0]))
            distinct = ends if any(not numpy.array_equal(ends[0][1], end[1]) for end in ends[1:]) else ends[:1]
            labels = [f"{index}, draw {n + 1}" for n in range(len(distinct))] if len(distinct) > 1 else [f"{index}, after"]
            shown += [_exhibit(label, after) for label, (_, after) in zip(labels, distinct, strict=True)]
    return tuple(shown)


def _ends(passage: Passage) -> tuple[numpy.ndarray, numpy.ndarray] | None:
    whole = [(before, after) for name, before, after in pairs(passage) if _is_whole(passage, name)]
    return whole[0] if whole else None


def _is_whole(passage: Passage, name: str) -> bool:
    return not name or any(call.outermost and call.spot.name == name for call in passage.calls)


def _exhibit(label: str, values: numpy.ndarray) -> Exhibit:
    note = " ".join([describe(values), *_range(values)])
    image = channels_last(values) if values.ndim in (2, 3) and sorted(values.shape)[-2] >= LEAST else None
    if image is not None and min(image.shape[:2]) >= LEAST:
        return picture(label, image, *value_range(float(numpy.nanmin(values)), float(numpy.nanmax(values))), note=note)
    if values.ndim == 2 or (values.ndim == 1 and len(values) > 4 * VALUES):
        return trace(label, values, note)
    flat = values.reshape(-1)[:VALUES]
    return row(label, map(str, range(len(flat))), flat.tolist(), note)


def _range(values: numpy.ndarray) -> Iterator[Any]:
    if values.size and numpy.isfinite(values).any():
        yield f"{numpy.nanmin(values):.3g}..{numpy.nanmax(values):.3g}"
