"""The mask and the boxes that belong to a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy

from nbdebug.data.samples.choosing import Chosen
from nbdebug.data.samples.exhibits import array
from nbdebug.data.samples.fetching import part
from nbdebug.data.split import Split
from nbdebug.data.structure.boxes import boxes_of, corners, odd_boxes

PAPER = 0.2  # brightness of the sheet on which boxes are drawn that come without their image


def reading_of(split: Split) -> str:
    """How the boxes of a split are written, "xywh in pixels"; "" where there are none, or nothing fits."""
    field, given = boxes_of(split)
    return odd_boxes(split, field, given)[0].reading if field is not None and given is not None and len(given.boxes) else ""


def mask_of(one: Chosen, item: Any) -> numpy.ndarray | None:
    """(H, W) whole numbers; None where there are none."""
    field = next((f for f in one.split.fields if f.kind == "mask" and f.role == "target"), None)
    if field is None:
        return None
    value = field.sample[one.place] if one.place is not None and one.place < len(field.sample) else part(item, field)
    found = array(value) if value is not None else None
    found = found.squeeze() if found is not None else None
    return found if found is not None and found.ndim == 2 else None


def boxes_on(one: Chosen, item: Any, reading: str) -> numpy.ndarray | None:
    """(n, 4) left, top, right, bottom, in pixels or as shares; None where there are none."""
    field = next((f for f in one.split.fields if f.kind == "boxes"), None)
    if field is None or not reading:
        return None
    value = field.sample[one.place] if one.place is not None and one.place < len(field.sample) else None
    value = item.get("boxes") if value is None and isinstance(item, Mapping) else value
    found = array(value) if value is not None else None
    if found is None or found.ndim != 2 or found.shape[1] != 4 or not len(found):
        return None
    return numpy.hstack(corners(found.astype(numpy.float64), reading.split()[0].rstrip(",")))


def sheet(item: Any) -> numpy.ndarray | None:
    """(H, W, 1) an empty image of the size that annotations name; None where they name none."""
    size = array(item.get("size")) if isinstance(item, Mapping) and "size" in item else None
    if size is None or size.shape != (2,) or not (numpy.isfinite(size).all() and (size >= 1).all() and size.max() < 1e5):
        return None
    height, width = size.astype(int).tolist()
    share = min(1.0, 512 / max(height, width))
    return numpy.full((max(1, round(height * share)), max(1, round(width * share)), 1), PAPER, numpy.float32)
