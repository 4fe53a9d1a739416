"""A few samples as they are stored and as they leave the transforms, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from nbdebug.data.running.passing import Passage, pairs
from nbdebug.data.running.values import describe, equal_arrays
from nbdebug.data.samples.exhibits import row, trace
from nbdebug.data.samples.pictures import channels_last, picture, value_range
from nbdebug.page import Exhibit

SHOWN = 3  # samples, and draws of each
LEAST = 8  # pixels a side of what is drawn as an image
VALUES = 8  # numbers that a row shows

Labelled = tuple[str, numpy.ndarray]


def before_after(found: list[Passage]) -> tuple[Exhibit, ...]:
    """Raw and transformed, sample by sample, with other random numbers each time."""
    raw: list[list[Labelled]] = []
    after: list[list[Labelled]] = []
    for index in list(dict.fromkeys(str(passage.index) for passage in found))[:SHOWN]:
        draws = [passage for passage in found if str(passage.index) == index][:SHOWN]
        ends = [end for passage in draws if (end := _ends(passage)) is not None]
        if ends:
            distinct = ends if any(not equal_arrays(ends[0][1], end[1]) for end in ends[1:]) else ends[:1]
            labels = [f"{index}, draw {n + 1}" for n in range(len(distinct))] if len(distinct) > 1 else [f"{index}, after"]
            raw.append([(f"{index}, raw", ends[0][0])])
            after.append([(label, out) for label, (_, out) in zip(labels, distinct, strict=True)])
    drawn_raw, drawn_after = _drawn(raw), _drawn(after)
    return tuple(exhibit for pair in zip(drawn_raw, drawn_after, strict=True) for part in pair for exhibit in part)


def _drawn(groups: list[list[Labelled]]) -> list[list[Exhibit]]:
    """All with the same black and white, so that they can be compared: those of the type, or of all that are shown."""
    values = [values for group in groups for _, values in group]
    return [[_exhibit(label, shown, *_black_and_white(shown.dtype, values)) for label, shown in group] for group in groups]


def _black_and_white(dtype: numpy.dtype, values: list[numpy.ndarray]) -> tuple[float, float]:
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind in "iu" and dtype.itemsize == 1:
        return float(numpy.iinfo(dtype).min), float(numpy.iinfo(dtype).max)
    known = [part[numpy.isfinite(part)] for part in values if part.dtype == dtype]
    known = [part for part in known if part.size]
    if not known:
        return 0.0, 1.0
    return value_range(float(min(part.min() for part in known)), float(max(part.max() for part in known)))


def _ends(passage: Passage) -> tuple[numpy.ndarray, numpy.ndarray] | None:
    whole = [(before, after) for name, before, after in pairs(passage) if _is_whole(passage, name)]
    return whole[0] if whole else None


def _is_whole(passage: Passage, name: str) -> bool:
    return not name or any(call.outermost and call.spot.name == name for call in passage.calls)


def _exhibit(label: str, values: numpy.ndarray, black: float, white: float) -> Exhibit:
    note = " ".join([describe(values), *_range(values)])
    image = channels_last(values) if values.ndim in (2, 3) and sorted(values.shape)[-2] >= LEAST else None
    if image is not None and min(image.shape[:2]) >= LEAST:
        return picture(label, image, black, white, note=f"{note}, drawn from {black:.4g} (black) to {white:.4g} (white)")
    if values.ndim == 2 or (values.ndim == 1 and len(values) > 4 * VALUES):
        return trace(label, values, note)
    flat = values.reshape(-1)[:VALUES]
    return row(label, map(str, range(len(flat))), flat.tolist(), note)


def _range(values: numpy.ndarray) -> Iterator[Any]:
    if values.size and numpy.isfinite(values).any():
        yield f"{numpy.nanmin(values):.3g}..{numpy.nanmax(values):.3g}"
