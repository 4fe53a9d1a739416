"""Small batches are put together before they are worked on: what a batch costs beside its values is paid once for many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy

from nbdebug.data.chunk import Chunk, Field

ROWS, BYTES = 8192, 8_000_000  # that are put together at most
LARGE = 1_000_000  # bytes of a batch that is worth to be worked on alone


class Buffer:
    """Copies batches of one make one behind the other; a batch of another make, or a large one, ends the row."""

    def __init__(self) -> None:
        self._make: tuple[Any, ...] | None = None
        self._fields: list[Field] = []
        self._values: list[Any] = []  # of each field
        self._ids: list[numpy.ndarray] = []
        self._sizes: list[int] = []
        self._rows = self._bytes = self._room = self._number = 0

    def add(self, chunk: Chunk) -> Iterator[Chunk]:
        """What is ready to be worked on, once this batch has come."""
        octets = LARGE if chunk.size >= ROWS else sum(map(_bytes, chunk.fields))
        if octets >= LARGE:
            yield from self.rest()
            yield chunk
            return
        make = tuple((f.name, f.role, f.dtype, _make(f.values)) for f in chunk.fields)
        if make != self._make or self._rows + chunk.size > self._room or self._bytes + octets > BYTES:
            yield from self.rest()
            if make != self._make:
                self._begin(chunk, make)
        for position, field in enumerate(chunk.fields):
            if isinstance(field.values, list):
                self._values[position].extend(field.values)
            else:
                self._values[position][self._rows : self._rows + chunk.size] = field.values
        self._ids.append(chunk.ids)
        self._sizes.append(chunk.size)
        self._rows, self._bytes, self._number = self._rows + chunk.size, self._bytes + octets, chunk.number

    def rest(self) -> Iterator[Chunk]:
        """What has come and was not worked on yet."""
        if not self._rows:
            return
        ids, sizes = numpy.concatenate(self._ids), tuple(self._sizes)
        fields = [
            replace(f, values=v if isinstance(v, list) else v[: self._rows], parts=sizes) for f, v in zip(self._fields, self._values, strict=True)
        ]
        yield Chunk(self._number, ids, True, tuple(fields))
        self._ids, self._sizes, self._rows, self._bytes = [], [], 0, 0
        self._values = [[] if isinstance(v, list) else v for v in self._values]

    def _begin(self, chunk: Chunk, make: tuple[Any, ...]) -> None:
        self._make, self._fields = make, [replace(f, values=[]) for f in chunk.fields]
        row = sum(f.values[:1].nbytes for f in chunk.fields if isinstance(f.values, numpy.ndarray))
        self._room = max(chunk.size, min(ROWS, BYTES // max(1, row)))
        self._values = [
            [] if isinstance(f.values, list) else numpy.empty((self._room, *f.values.shape[1:]), f.values.dtype) for f in chunk.fields
        ]


def _make(values: Any) -> Any:
    return (values.shape[1:], values.dtype) if isinstance(values, numpy.ndarray) else None


def _bytes(field: Field) -> int:
    if isinstance(field.values, numpy.ndarray):
        return field.values.nbytes
    return sum(v.nbytes if isinstance(v, numpy.ndarray) else 64 + len(v) if isinstance(v, (str, bytes, list)) else 64 for v in field.values)
