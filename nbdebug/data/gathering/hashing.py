"""Content hashes: the same values give the same number on every machine, whatever order and batch they came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy

from nbdebug.data.chunk import Field

BOUND = 2**64


def row_hashes(fields: Iterable[Field], size: int) -> numpy.ndarray:
    """(n,) uint64, one a sample, of all these fields together."""
    digests = [hashlib.blake2b(digest_size=8) for _ in range(size)]
    for field in fields:
        for digest, value in zip(digests, field.values, strict=True):
            digest.update(_bytes(value))
    return numpy.frombuffer(b"".join(d.digest() for d in digests), "<u8").astype(numpy.uint64)


def _bytes(value: Any) -> bytes:
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        array = numpy.ascontiguousarray(value)
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return repr(value).encode("utf-8", "backslashreplace")
