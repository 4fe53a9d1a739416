"""Samples as rows of numbers: what neighbours, distances and kernels are asked of."""

from __future__ import annotations

import zlib
from typing import Any

import numpy

from nbdebug.data.split import FieldData

WORDS = 128  # of a hashed bag
LONGEST = 600  # characters or tokens of an entry that are counted


def table(field: FieldData) -> numpy.ndarray | None:
    """(K, D) float64 of anything that is an array of numbers; None of what is not."""
    values = field.sample
    if not isinstance(values, numpy.ndarray) or values.dtype.kind not in "iufb" or not values.size:
        return None
    return values.reshape(len(values), -1).astype(numpy.float64, copy=False)


def pooled(field: FieldData, rows: numpy.ndarray, side: int = 8) -> numpy.ndarray | None:
    """(len(rows), side * side * C) area means of these thumbnails."""
    if not isinstance(field.sample, numpy.ndarray) or field.sample.ndim != 4 or not len(field.sample):
        return None
    return shrunk(field.sample[rows], side).reshape(len(rows), -1)


def shrunk(thumbs: numpy.ndarray, side: int) -> numpy.ndarray:
    """(K, side, side, C) float64 area means of (K, 32, 32, C)."""
    count, height, width, channels = thumbs.shape
    assert height % side == 0 and width % side == 0, "thumbnails are 32 pixels a side"
    lines = numpy.add.reduce(thumbs.reshape(count, side, height // side, width * channels), 2)  # the axis that is not contiguous first: fast
    return lines.reshape(count, side, side, width // side, channels).sum(3, dtype=numpy.float64) / (height // side * (width // side))


def bags(field: FieldData, rows: numpy.ndarray) -> numpy.ndarray:
    """(len(rows), 128) how often each hashed token, or each three characters, occurs in an entry; rows of sum 1."""
    found = numpy.zeros((len(rows), WORDS))
    for row, entry in zip(found, (field.sample[i] for i in rows), strict=True):
        if isinstance(entry, str):
            text = entry[:LONGEST]
            codes = numpy.array([zlib.crc32(text[i : i + 3].encode()) for i in range(max(0, len(text) - 2))], dtype=numpy.int64)
        elif entry is None:
            continue
        else:
            codes = unpadded(field, entry)[:LONGEST].astype(numpy.int64) * 2654435761 >> 7
        if len(codes):
            row += numpy.bincount(codes % WORDS, minlength=WORDS) / len(codes)
    return found


def unpadded(field: FieldData, entry: Any) -> numpy.ndarray:
    """The tokens of an entry but for those that fill it up."""
    tokens, padding = numpy.asarray(entry).reshape(-1), getattr(field.facts, "padding", None)
    return tokens if padding is None else tokens[tokens != padding]


def embedded(field: FieldData, rows: numpy.ndarray) -> tuple[numpy.ndarray, str] | None:
    """The samples at these places of `sample` as (K, D), and what the numbers are."""
    if field.kind in ("text", "tokens") and isinstance(field.sample, list):
        return bags(field, rows), "frequencies of tokens" if field.kind == "tokens" else "frequencies of three characters"
    if field.kind == "image":
        values = pooled(field, rows)
        return (values, "8 x 8 thumbnails") if values is not None else None
    if field.kind not in ("tabular", "series", "audio", "quantity"):
        return None
    values = table(field)
    if values is None:
        return None
    every = max(1, values.shape[1] // 256)
    return values[rows][:, ::every], "standardised rows"


def evenly(count: int, most: int) -> numpy.ndarray:
    """Up to `most` places of `count`, evenly spread."""
    return numpy.unique(numpy.linspace(0, count - 1, min(count, most)).astype(int)) if count else numpy.zeros(0, int)


def comparable(train: FieldData, val: FieldData) -> bool:
    """Whether the samples of both are of one kind and width."""
    a, b = train.sample, val.sample
    if train.kind != val.kind or a is None or b is None or isinstance(a, list) != isinstance(b, list):
        return False
    return isinstance(a, list) or a.shape[1:] == b.shape[1:]
