"""The pass itself: batches in, a Split out."""

from __future__ import annotations

import time
from typing import Any

import numpy

from nbdebug.data.chunk import Chunk, Field, chunk_of
from nbdebug.data.gathering.anything import EntryGather
from nbdebug.data.gathering.classes import ClassGather
from nbdebug.data.gathering.hashing import BOUND, row_hashes
from nbdebug.data.gathering.images import ImageGather
from nbdebug.data.gathering.numbers import NumberGather
from nbdebug.data.gathering.reservoir import Reservoir
from nbdebug.data.gathering.sequences import TokenGather
from nbdebug.data.kinds import kind_of
from nbdebug.data.sources.source import Source
from nbdebug.data.split import Prints, Split
from nbdebug.loading import Delivered

MEMORY = 64_000_000  # bytes of sampled rows
FEWEST, MOST = 64, 20_000  # sampled rows
GATHERERS = {
    "image": ImageGather, "tokens": TokenGather, "classes": ClassGather, "category": ClassGather, "tabular": NumberGather,
    "quantity": NumberGather, "series": NumberGather, "audio": NumberGather,
}  # fmt: skip


class Gather:
    """Takes batch after batch; `split` tells at any moment what is known by then."""

    def __init__(self, source: Source, model: Any = None) -> None:
        self.source, self.model = source, model
        self.fields: dict[str, Any] = {}  # name → its gatherer
        self.reservoir: Reservoir | None = None
        self.hashes: list[numpy.ndarray] = []
        self.pairs: list[numpy.ndarray] = []
        self.ids: list[numpy.ndarray] = []
        self.samples = self.batches = 0
        self.by_index = False
        self.first: Any = None
        self.whole, self.stopped = False, ""
        self.started = time.perf_counter()

    def take(self, one: Delivered) -> None:
        """One more batch."""
        chunk = chunk_of(one, self.samples, self.model, self.source.targets)
        if self.reservoir is None:
            self._begin(one.batch, chunk)
        slots, rows = self.reservoir.choose(chunk.ids)
        for field in chunk.fields:
            if field.name in self.fields:
                self.fields[field.name].add(field, slots, rows)
        inputs = [field for field in chunk.fields if field.role == "input"]
        self.hashes.append(row_hashes(inputs, chunk.size))
        self.pairs.append(row_hashes(chunk.fields, chunk.size))
        self.ids.append(chunk.ids)
        self.batches, self.samples = self.batches + 1, self.samples + chunk.size

    def split(self) -> Split:
        """All that is known so far."""
        source, nothing = self.source, numpy.zeros(0, numpy.int64)
        order = self.reservoir.order if self.reservoir else nothing
        fields = tuple(gatherer.look(order) for gatherer in self.fields.values())
        ids = numpy.concatenate(self.ids) if self.ids else nothing
        prints = (Prints(numpy.concatenate(h) if h else nothing.astype(numpy.uint64), ids, BOUND) for h in (self.hashes, self.pairs))
        return Split(
            source.name, source.about, self.samples, self.batches, source.total, self.whole, time.perf_counter() - self.started,
            self.by_index, source.rewinds, fields, self.reservoir.ids[order] if self.reservoir else nothing, *prints,
            source.fetch, source.dataset, self.first, self.stopped,
        )  # fmt: skip

    def _begin(self, batch: Any, chunk: Chunk) -> None:
        self.first, self.by_index = batch, chunk.by_index
        slots = max(FEWEST, min(MOST, MEMORY // max(1, sum(_bytes_of_a_row(field) for field in chunk.fields))))
        self.reservoir = Reservoir(slots)
        for field in chunk.fields:
            kind = kind_of(field, self.source.kind)
            self.fields[field.name] = GATHERERS.get(kind, EntryGather)(field, kind, slots)


def _bytes_of_a_row(field: Field) -> int:
    if isinstance(field.values, list) or not len(field.values):
        return 4000
    return max(8, min(12_288, 8 * field.values[0].size))
