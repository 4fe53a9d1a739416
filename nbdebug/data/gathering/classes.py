"""Labels and categories: how often each occurs."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.chunk import TARGET, Field
from nbdebug.data.gathering.distinct import Distinct
from nbdebug.data.gathering.numbers import NumberGather
from nbdebug.data.kinds import is_one_hot
from nbdebug.data.labels import are_classes
from nbdebug.data.split import FieldData

MOST_BATCHES, MOST_IN_SEQUENCE = 64, 200_000
MOST_NAMES = 50_000  # different values that are counted one by one
OTHER = "(other values)"  # what those after them are counted as
LONGEST = 200  # characters of a name


@dataclass(frozen=True)
class ClassFacts:
    """Of all that was read."""

    counts: dict[Any, int]  # label → samples, most frequent first; OTHER for those after the first 50,000 different ones
    missing: int
    types: dict[str, int]  # Python type of the labels → how many
    batches: tuple[dict[Any, int], ...]  # of the first batches
    sequence: numpy.ndarray  # (n,) labels of the first samples as indices into `names`, in the order of delivery
    names: tuple[Any, ...]  # in the order of first appearance
    coding: str = ""  # "one-hot" where a label comes as a row with a single 1: its name is the column
    distinct: int = 0  # different labels; estimated where there are OTHER ones


class ClassGather:
    """For classes and categories, of whole numbers, texts or anything hashable.

    Whether whole numbers are labels or amounts is asked once more at the end, of all that was read: 64 ages look like classes.
    """

    def __init__(self, field: Field, kind: str, slots: int, *, told: bool = False) -> None:
        self.field, self.kind = field, kind
        self.index: dict[Any, int] = {}
        self.counts = numpy.zeros(256, numpy.int64)
        self.types: Counter[str] = Counter()
        self.missing = self.length = self.total = 0
        self.batches: list[dict[Any, int]] = []
        self.sequence: list[numpy.ndarray] = []
        self.sample = numpy.full(slots, -1, numpy.int64)
        self.coding, self.others = "", Distinct(1)
        self.shapes: Counter[tuple[int, ...]] = Counter()
        numeric = isinstance(field.values, numpy.ndarray) and field.values.dtype.kind in "iuf" and not is_one_hot(field.values)
        self.amounts = NumberGather(_flat(field), "quantity", slots) if numeric and field.role == TARGET and not told else None

    def add(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        """One more chunk."""
        flat = _flat(field)
        if isinstance(field.values, numpy.ndarray) and field.values.dtype.kind in "iufb" and flat.values.ndim == 2:
            flat = self._of_columns(flat)
        self.shapes[field.values.shape[1:] if isinstance(field.values, numpy.ndarray) else ()] += len(field.values)
        codes = self._codes(flat.values)
        if self.amounts is not None:
            self._add_amounts(flat, slots, rows)
        self.missing += int((codes < 0).sum())
        self.total += len(codes)
        counted = numpy.bincount(codes[codes >= 0], minlength=len(self.index))
        if len(counted) > len(self.counts):
            self.counts = numpy.concatenate([self.counts, numpy.zeros(len(counted) + len(self.counts), numpy.int64)])
        self.counts[: len(counted)] += counted
        self._note_batches(codes, field.parts or (len(codes),))
        if self.length < MOST_IN_SEQUENCE:
            self.sequence.append(codes)
            self.length += len(codes)
        self.sample[slots] = codes[rows]

    def look(self, order: numpy.ndarray) -> FieldData:
        """What is known so far; `sample` holds indices into `facts.names`, -1 for a missing label."""
        if self.amounts is not None and not self._are_classes():
            return self.amounts.look(order)
        names = tuple(self.index)
        ranked = numpy.argsort(-self.counts[: len(names)], kind="stable").tolist()
        counts = {names[code]: int(self.counts[code]) for code in ranked}
        sequence = numpy.concatenate(self.sequence) if self.sequence else numpy.zeros(0, numpy.int64)
        distinct = len(names) - 1 + self.others.count if OTHER in self.index else len(names)
        facts = ClassFacts(counts, self.missing, dict(self.types), tuple(self.batches), sequence, names, self.coding, distinct)
        kind = "classes" if self.kind == "quantity" else self.kind
        return FieldData(self.field.name, self.field.role, kind, self.field.dtype, dict(self.shapes), None, self.sample[order], facts)

    def _are_classes(self) -> bool:
        if OTHER in self.index or any(isinstance(name, str) for name in self.index):
            return OTHER not in self.index
        values = numpy.array(list(self.index), numpy.float64)
        return are_classes(values, self.counts[: len(values)], self.field.dtype, missing=self.missing > 0)

    def _of_columns(self, field: Field) -> Field:
        if is_one_hot(field.values):
            self.coding = "one-hot"
            return Field(field.name, field.role, field.values.argmax(1), field.dtype)
        return Field(field.name, field.role, [repr(row) for row in field.values.tolist()], field.dtype)

    def _add_amounts(self, field: Field, slots: numpy.ndarray, rows: numpy.ndarray) -> None:
        if isinstance(field.values, numpy.ndarray):
            self.amounts.add(field, slots, rows)
        else:
            self.amounts = None  # texts came between the numbers

    def _codes(self, values: numpy.ndarray | list) -> numpy.ndarray:
        """(n,) index of each label, -1 for a missing one; new ones get the next."""
        if isinstance(values, numpy.ndarray) and values.dtype.kind in "iufb":
            different, inverse = numpy.unique(values, return_inverse=True)
            self.types[{"b": "bool", "f": "float"}.get(values.dtype.kind, "int")] += len(values)
            return numpy.array([self._code(label) for label in different.tolist()], numpy.int64)[inverse.reshape(-1)] if len(values) else numpy.zeros(0, numpy.int64)
        labels = [_plain(value) for value in values]
        self.types.update(kind.__name__ for kind in map(type, labels))
        known = {label: self._code(label) for label in dict.fromkeys(labels)}
        return numpy.fromiter((known[label] for label in labels), numpy.int64, len(labels))

    def _code(self, label: Any) -> int:
        if label is None or label != label:
            return -1
        if label in self.index:
            return self.index[label]
        if len(self.index) >= MOST_NAMES:
            self.others.add(numpy.array([float(zlib.crc32(repr(label).encode("utf-8", "backslashreplace")))]))
            label = OTHER
        return self.index.setdefault(label, len(self.index))

    def _note_batches(self, codes: numpy.ndarray, parts: tuple[int, ...]) -> None:
        if len(self.batches) >= MOST_BATCHES:
            return
        names, start = list(self.index), 0
        for size in parts[: MOST_BATCHES - len(self.batches)]:
            part = codes[start : start + size]
            different, counts = numpy.unique(part[part >= 0], return_counts=True)
            self.batches.append({names[code]: n for code, n in zip(different.tolist(), counts.tolist(), strict=True)})
            start += size


def _flat(field: Field) -> Field:
    """A column of one label a sample as a plain row of labels."""
    values = field.values
    if isinstance(values, numpy.ndarray) and values.ndim > 1 and values[:1].size == 1 and len(values):
        return Field(field.name, field.role, values.reshape(-1), field.dtype, parts=field.parts)
    return field


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[:LONGEST] + "…"
    value = value.item() if isinstance(value, numpy.generic) else value
    if value is None or isinstance(value, (int, float, bool)):
        return value
    return None if type(value).__name__ in ("NaTType", "NAType") else repr(value)[:LONGEST]
