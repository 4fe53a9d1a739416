"""The pass itself: batches in, a Split out."""

from __future__ import annotations

import difflib
import inspect
import time
from collections.abc import Callable
from typing import Any

import numpy

from nbdebug.data.chunk import TARGET, Chunk, Field, chunk_of
from nbdebug.data.gathering.anything import EntryGather
from nbdebug.data.gathering.buffer import Buffer
from nbdebug.data.gathering.classes import ClassGather
from nbdebug.data.gathering.hashing import Smallest, field_hashes, joined
from nbdebug.data.gathering.images import ImageGather
from nbdebug.data.gathering.ledger import Ledger
from nbdebug.data.gathering.numbers import NumberGather
from nbdebug.data.gathering.reservoir import Reservoir
from nbdebug.data.gathering.sequences import TokenGather
from nbdebug.data.gathering.series import SeriesGather
from nbdebug.data.kinds import kind_of
from nbdebug.data.sources.source import Source
from nbdebug.data.split import Prints, Split
from nbdebug.errors import SetupError, first_line
from nbdebug.loading import Delivered, Lost

MEMORY = 64_000_000  # bytes of sampled rows
FEWEST, MOST = 32, 20_000  # sampled rows
THUMBNAIL, ENTRY = 12_288, 4_000  # bytes that a sampled image, and a text or a sequence, takes
MOST_FIELDS = 1000
GATHERERS = {
    "image": ImageGather, "tokens": TokenGather, "classes": ClassGather, "category": ClassGather, "tabular": NumberGather,
    "quantity": NumberGather, "series": SeriesGather, "audio": SeriesGather, "time": NumberGather,
}  # fmt: skip


class Gather:
    """Takes batch after batch; `split` tells at any moment what is known by then.

    Args:
        memory: bytes that sampled rows may take.
    """

    def __init__(self, source: Source, model: Any = None, *, memory: int = MEMORY) -> None:
        self.source, self.model, self.memory = source, model, memory
        self.targets: tuple[str, ...] = source.targets  # and those fields that the loss is seen to take
        self.told: tuple[str, ...] = ()  # fields that only tell the loss something, as how long a sequence is
        self.fields: dict[str, Any] = {}  # name → its gatherer
        self.reservoir: Reservoir | None = None
        self.inputs, self.pairs = Smallest(), Smallest()  # hashes
        self.buffer, self.ledger = Buffer(), Ledger()
        self.samples = self.batches = 0
        self.by_index = True
        self.first: Any = None
        self.whole, self.stopped = False, ""
        self.lost: list[Lost] = []  # samples that raised
        self.started = time.perf_counter()

    def take(self, one: Delivered) -> None:
        """One more batch."""
        try:
            chunk = chunk_of(one, self.samples, self.model, self.targets, self.told)
        except Exception as error:  # of one odd batch; the others are read all the same
            self.ledger.trouble(f"a batch could not be taken apart: {type(error).__name__}: {first_line(error)}")
            return
        if self.first is None:
            self.first = one.batch
            self._demand_targets(chunk)
        self.ledger.add(chunk)
        self.by_index = self.by_index and (chunk.by_index or self.source.numbered)
        self.batches, self.samples = self.batches + 1, self.samples + chunk.size
        for ready in self.buffer.add(chunk):
            self._work_on(ready)

    def split(self) -> Split:
        """All that is known so far."""
        for ready in self.buffer.rest():
            self._work_on(ready)
        source = self.source
        order = self.reservoir.order if self.reservoir else numpy.zeros(0, numpy.int64)
        fields = tuple(look for gatherer in self.fields.values() if (look := self._safely(gatherer.field, lambda g=gatherer: g.look(order))) is not None)
        prints = (Prints(*smallest.kept(), smallest.bound, smallest.left_out) for smallest in (self.inputs, self.pairs))
        return Split(
            source.name, source.about, self.samples, self.batches, source.total, self.whole, time.perf_counter() - self.started,
            self.by_index and self.samples > 0, source.rewinds, fields, self.reservoir.ids[order] if self.reservoir else order, *prints,
            source.fetch, source.dataset, self.first, self.stopped, (*source.notes, *self.ledger.sentences()), tuple(self.lost), source.ordered,
            self.targets[len(source.targets):],
        )  # fmt: skip

    def _work_on(self, chunk: Chunk) -> None:
        if self.reservoir is None:
            self.reservoir = Reservoir(_slots(chunk.fields, self.source.total, self.memory))
        slots, rows = self.reservoir.choose(chunk.ids)
        absent = self.fields.keys() - {field.name for field in chunk.fields}
        for field in chunk.fields:
            gatherer = self.fields.get(field.name) or self._new(field)
            if gatherer is not None and self._safely(field, lambda g=gatherer, f=field: g.add(f, slots, rows, chunk.ids) or True) is None:
                absent.add(field.name)
        for name in absent:
            _clear(self.fields.get(name), slots)
        self._hash(chunk)

    def _new(self, field: Field) -> Any:
        if len(self.fields) >= MOST_FIELDS:
            self.ledger.trouble(f"there are more than {MOST_FIELDS:,} fields: the others were not looked at")
            return None
        self.fields[field.name] = made = self._safely(field, lambda: _Taking(field, self.source.kind, self.reservoir.slots))
        if made is None:
            self.fields[field.name] = _Taking(field, "other", self.reservoir.slots)
        return self.fields[field.name]

    def _hash(self, chunk: Chunk) -> None:
        hashes = {f.name: self._safely(f, lambda f=f: field_hashes(f)) for f in chunk.fields}
        known = [(f.role, hashes[f.name]) for f in chunk.fields if hashes[f.name] is not None]
        inputs = [one for role, one in known if role != TARGET]
        if inputs:
            self.inputs.add(joined(inputs, chunk.size), chunk.ids)
            self.pairs.add(joined([one for _, one in known], chunk.size), chunk.ids)

    def _safely(self, field: Field, work: Callable[[], Any]) -> Any:
        """What comes of it; None and a note where this field cannot be worked on: the others are."""
        try:
            with numpy.errstate(all="ignore"):
                return work()
        except Exception as error:
            self.ledger.trouble(f"{field.name} could not be gathered: {type(error).__name__}: {first_line(error)}")
            return None

    def _demand_targets(self, chunk: Chunk) -> None:
        names = [field.name for field in chunk.fields]
        for wanted in self.source.targets:
            if wanted not in names:
                close = difflib.get_close_matches(wanted, names, 1)
                hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, names[:12])) or 'none'}"
                raise SetupError(f"no field of {self.source.name} is called {wanted!r}: {hint}")


class _Taking:
    """The gatherer of a field's kind, called with what it takes."""

    def __init__(self, field: Field, told: str | None, slots: int) -> None:
        kind = kind_of(field, told)
        of_labels = field.role == TARGET and kind == "quantity" and told != "quantity" and _whole(field)
        made = ClassGather if of_labels else GATHERERS.get(kind, EntryGather)
        more = {"told": told == "classes"} if made is ClassGather else {}
        self.field, self.gatherer = field, made(field, kind, slots, **more)
        self._takes_ids = "ids" in inspect.signature(made.add).parameters

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray, ids: numpy.ndarray) -> None:
        """One more chunk."""
        self.gatherer.add(field, slots, rows, *((ids,) if self._takes_ids else ()))

    def look(self, order: numpy.ndarray) -> Any:
        """What is known so far."""
        return self.gatherer.look(order)


def _whole(field: Field) -> bool:
    values = field.values
    return isinstance(values, numpy.ndarray) and values.dtype.kind in "iu" and values[:1].size == 1


def _clear(taking: Any, slots: numpy.ndarray) -> None:
    """These rows have nothing of this field."""
    if taking is None:
        return
    sample = taking.gatherer.sample
    if isinstance(sample, list):
        for slot in slots.tolist():
            sample[slot] = None
    else:
        sample[slots] = numpy.nan if sample.dtype.kind == "f" else -1


def _slots(fields: tuple[Field, ...], total: int | None, memory: int) -> int:
    most = MOST if total is None else min(MOST, total)  # the memory of all slots is taken at once
    return max(FEWEST, min(most, memory // max(1, sum(map(_bytes_of_a_row, fields)))))


def _bytes_of_a_row(field: Field) -> int:
    if isinstance(field.values, list) or not len(field.values):
        return ENTRY
    octets = 8 * field.values[0].size
    return min(THUMBNAIL, octets) if field.values.ndim >= 4 or field.values.dtype == numpy.uint8 else max(8, octets)
