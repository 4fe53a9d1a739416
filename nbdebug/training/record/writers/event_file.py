"""TensorBoard's event file, written by hand: a scalar is a few bytes of protobuf between two checksums, and the tool's own writer costs a fifth of a second to import.

    length (uint64) · masked CRC-32C of it · Event · masked CRC-32C of that

Source: tensorflow/core/lib/io/record_writer.h, and event.proto and summary.proto of tensorboard.compat.proto.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbdebug.instruments.watch.tensorboard import Bars

MASK = 0xA282EAD8
POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reflected; RFC 3720
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of protobuf
START = 1  # SessionLog.START: from this step on, what was written before does not count


def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = (entry >> 1) ^ (POLYNOMIAL if entry & 1 else 0)
        entries.append(entry)
    return tuple(entries)


_TABLE = _table()


class EventFile:
    """One file, to which scalars are added; each is on the disk when `scalars` returns.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, folder: Path, at: float, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"events.out.tfevents.{int(at)}.{name}"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._gathered: list[bytes] | None = None
        self._add(_double(1, at) + _bytes(3, b"brain.Event:2"))

    def scalars(self, at: float, step: int, values: Mapping[str, float]) -> None:
        """Numbers of one step, by their tags."""
        summary = b"".join(_bytes(1, _bytes(1, tag.encode()) + _float(2, value)) for tag, value in values.items())
        self._add(_double(1, at) + _integer(2, step) + _bytes(5, summary))

    def histograms(self, at: float, step: int, values: Mapping[str, Bars]) -> None:
        """Distributions of one step, by their tags."""
        summary = b"".join(_bytes(1, _bytes(1, tag.encode()) + _bytes(5, _histogram(bars))) for tag, bars in values.items())
        self._add(_double(1, at) + _integer(2, step) + _bytes(5, summary))

    def begins(self, at: float, step: int) -> None:
        """What was written of this step and later ones, by a process that is gone, is done again."""
        self._add(_double(1, at) + _integer(2, step) + _bytes(7, _integer(1, START)))

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is added within is written in one go at its end."""
        self._gathered = gathered = []
        try:
            yield
        finally:
            self._gathered = None
            if gathered:
                os.write(self._file, b"".join(gathered))

    def close(self) -> None:
        os.close(self._file)

    def _add(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        parts = (length, _checksum(length), event, _checksum(event))
        if self._gathered is not None:
            self._gathered += parts
        else:
            os.write(self._file, b"".join(parts))


def _checksum(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _integer(field: int, value: int) -> bytes:
    return _key(field, VARINT) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _key(field, FIXED64) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    try:
        packed = struct.pack("<f", value)
    except OverflowError:  # beyond what 32 bits hold
        packed = struct.pack("<f", float("inf") if value > 0 else float("-inf"))
    return _key(field, FIXED32) + packed


def _histogram(bars: Bars) -> bytes:
    numbers = (bars.low, bars.high, bars.count, bars.total, bars.squares)
    packed = (struct.pack(f"<{len(values)}d", *values) for values in (bars.limits, bars.counts))
    return b"".join(_double(field, value) for field, value in enumerate(numbers, start=1)) + b"".join(_bytes(field, one) for field, one in zip((6, 7), packed, strict=True))


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, BYTES) + _varint(len(value)) + value
