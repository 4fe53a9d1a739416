"""Arrays of pixels as small pictures, with masks laid over them and boxes drawn into them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from nbdebug.page import Picture
from nbdebug.render import png

SIDE = 80  # pixels of the longer side
MASK_SHARE = 0.45  # of a mask's colour over the picture
IGNORED = 255  # a mask's value for "unlabelled", by custom
COLOURS = ((230, 85, 13), (0, 114, 178), (0, 158, 115), (204, 121, 167), (240, 228, 66), (86, 180, 233))  # after Okabe and Ito 2008
SHEET, CROSS = 236, (200, 60, 50)  # grey of an empty sheet, and what is drawn on it
BYTE_FROM = 128.0  # values above it in 0..255 are bytes, whatever their dtype


def channels_last(image: numpy.ndarray) -> numpy.ndarray | None:
    """(H, W, C) of an image that lies as (C, H, W), (H, W, C) or (H, W); None for what cannot be drawn."""
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or not image.size or image.dtype.kind not in "biufc":
        return None
    at_the_end = image.shape[2] <= 4 and not (image.shape[0] <= 4 and image.shape[0] <= image.shape[2] and image.shape[1] > 4)
    image = image if at_the_end else numpy.moveaxis(image, 0, -1)
    return numpy.abs(image) if image.dtype.kind == "c" else image


def value_range(low: float, high: float) -> tuple[float, float]:
    """What is drawn black and what white, for data between these values."""
    if not low <= high:  # NaN: nothing is known
        return 0.0, 1.0
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= 0 and BYTE_FROM <= high <= 255:
        return 0.0, 255.0
    return low, high


def shrunk(image: numpy.ndarray, side: int = SIDE) -> numpy.ndarray:
    """(h, w, C) float32 area means of (H, W, C), with h and w at most `side`; what is smaller stays as it is."""
    pixels = numpy.ascontiguousarray(image, dtype=numpy.float32)
    height, width = pixels.shape[:2]
    if max(height, width) <= side:
        return pixels
    share = side / max(height, width)
    down, across = (numpy.arange(max(1, round(length * share))) * length // max(1, round(length * share)) for length in (height, width))
    sums = numpy.add.reduceat(numpy.add.reduceat(pixels, down, axis=0), across, axis=1)
    return (sums / (numpy.diff(down, append=height)[:, None, None] * numpy.diff(across, append=width)[:, None])).astype(numpy.float32)


def picture(
    label: str, image: numpy.ndarray, low: float, high: float, *, note: str = "", side: int = SIDE,
    mask: numpy.ndarray | None = None, boxes: numpy.ndarray | None = None,
) -> Picture:  # fmt: skip
    """The image as a picture.

    Args:
        image: (H, W, C); three or four channels are colour, of others the first is drawn.
        low, high: values that are drawn black and white.
        mask: (H', W') whole numbers; 0 is background.
        boxes: (n, 4) as x, y, x, y or x, y, width, height in pixels, or as shares of the image.
    """
    height, width = image.shape[:2]
    pixels = shrunk(image, side)
    pixels = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1]
    shown = (numpy.nan_to_num(pixels, nan=low, posinf=high, neginf=low) - low) / max(high - low, 1e-12)
    drawn = (shown.clip(0, 1) * 255).round().astype(numpy.uint8)
    if mask is not None:
        drawn = _with_mask(_coloured(drawn), mask)
    if boxes is not None:
        drawn = _with_boxes(_coloured(drawn), corners(boxes, height, width), drawn.shape[0] / height)
    encoded = png.encode(numpy.ascontiguousarray(drawn).tobytes(), drawn.shape[1], drawn.shape[0], drawn.shape[2])
    return Picture(label, encoded, drawn.shape[1], drawn.shape[0], note)


def crossed_out(label: str, *, note: str = "", side: int = SIDE) -> Picture:
    """An empty sheet with a cross, for an image that there is no picture of."""
    sheet = numpy.full((side, side, 3), SHEET, numpy.uint8)
    along = numpy.arange(side // 8, side - side // 8)
    for across in (along, side - 1 - along):
        for beside in (0, 1):
            sheet[along, numpy.clip(across + beside, 0, side - 1)] = CROSS
    return Picture(label, png.encode(sheet.tobytes(), side, side, 3), side, side, note)


def corners(boxes: numpy.ndarray, height: int, width: int) -> numpy.ndarray:
    """(n, 4) left, top, right, bottom in pixels, whichever of the usual ways they are written in."""
    boxes = numpy.nan_to_num(numpy.asarray(boxes, dtype=numpy.float64).reshape(-1, 4))
    if len(boxes) and boxes.max() <= 1:  # shares; with a centre and a size where the corners would be crossed
        boxes = boxes * (width, height, width, height)
        if (boxes[:, 2:] < boxes[:, :2]).any():
            boxes = numpy.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2])
    elif (boxes[:, 2:] < boxes[:, :2]).any():
        boxes = numpy.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    return boxes


def _coloured(drawn: numpy.ndarray) -> numpy.ndarray:
    return numpy.repeat(drawn, 3, axis=2) if drawn.shape[2] == 1 else drawn.copy()


def _with_mask(drawn: numpy.ndarray, mask: numpy.ndarray) -> numpy.ndarray:
    rows = numpy.arange(drawn.shape[0]) * mask.shape[0] // drawn.shape[0]
    columns = numpy.arange(drawn.shape[1]) * mask.shape[1] // drawn.shape[1]
    labels = numpy.nan_to_num(mask[rows][:, columns].astype(numpy.float64)).astype(numpy.int64)
    for colour, label in zip(_cycled(), [v for v in numpy.unique(labels).tolist() if v not in (0, IGNORED)], strict=False):
        place = labels == label
        drawn[place] = (drawn[place] * (1 - MASK_SHARE) + numpy.array(colour) * MASK_SHARE).astype(numpy.uint8)
    return drawn


def _with_boxes(drawn: numpy.ndarray, boxes: numpy.ndarray, share: float) -> numpy.ndarray:
    height, width = drawn.shape[:2]
    for colour, (left, top, right, bottom) in zip(_cycled(), (boxes * share).round().astype(numpy.int64).tolist(), strict=False):
        x, y = (min(max(v, 0), width - 1) for v in (left, right)), (min(max(v, 0), height - 1) for v in (top, bottom))
        (x0, x1), (y0, y1) = x, y
        drawn[y0 : y1 + 1, [x0, x1]] = colour
        drawn[[y0, y1], x0 : x1 + 1] = colour
    return drawn


def _cycled() -> Sequence[tuple[int, int, int]]:
    return COLOURS * 16
