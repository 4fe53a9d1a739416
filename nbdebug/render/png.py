"""A small PNG writer, so that pictures travel inside the HTML without another library."""

from __future__ import annotations

import base64
import math
import struct
import zlib

from nbdebug.page import Picture

_GREY, _RGB = 0, 2  # colour types of the PNG specification, with 8 bits a channel


def data_uri(picture: Picture) -> str:
    """The picture as a `data:image/png` address; values outside 0..1 are clipped and NaN is black."""
    return "data:image/png;base64," + base64.b64encode(encode(picture)).decode()


def encode(picture: Picture) -> bytes:
    """The bytes of a PNG file of the picture's own size."""
    height, width = size(picture)
    channels = len(picture.pixels[0][0])
    rows = b"".join(b"\0" + bytes(_byte(v) for pixel in row for v in pixel) for row in picture.pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB if channels == 3 else _GREY, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def size(picture: Picture) -> tuple[int, int]:
    """(height, width); (0, 0) when it has no pixels."""
    return (len(picture.pixels), len(picture.pixels[0])) if picture.pixels and picture.pixels[0] else (0, 0)


def _byte(value: float) -> int:
    return 0 if math.isnan(value) else round(min(1.0, max(0.0, value)) * 255)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
