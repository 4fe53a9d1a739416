"""A small PNG writer, so that pictures travel inside a page without another library."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy

from nbdebug.page import Picture

_COLOUR_TYPES = {1: 0, 3: 2}  # channels → grey or RGB in the PNG specification, with 8 bits a channel
_PLAIN, _LEFT = b"\0", b"\1"  # filters of a row: the bytes as they are, or each less the one a pixel to the left


def encode(pixels: bytes, width: int, height: int, channels: int) -> str:
    """The base64 text of a PNG file.

    Args:
        pixels: (height, width, channels) bytes, row by row; channels is 1 or 3.
    """
    rows = [pixels[y * width * channels : (y + 1) * width * channels] for y in range(height)]
    packed = min(_packed(_PLAIN, rows), _packed(_LEFT, [_from_the_left(row, channels) for row in rows]), key=len)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)).decode()


def data_uri(picture: Picture) -> str:
    """The picture as a `data:image/png` address, which loads nothing."""
    return "data:image/png;base64," + picture.png


def _packed(filtered: bytes, rows: list[bytes]) -> bytes:
    return zlib.compress(b"".join(filtered + row for row in rows), 6)


def _from_the_left(row: bytes, channels: int) -> bytes:
    padded = numpy.frombuffer(bytes(channels) + row, numpy.uint8)
    return (padded[channels:] - padded[:-channels]).tobytes()  # modulo 256, as PNG wants it


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
