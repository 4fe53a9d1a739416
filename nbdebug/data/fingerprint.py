"""What data this was: a content hash that does not depend on order or machine, the schema, and statistics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.gathering.hashing import different
from nbdebug.data.split import QUANTILES, FieldData, Prints, Split

ALL = 2**64  # the bound of prints that hold every sample
KEPT = 4096  # smallest hashes; a share estimated from them has a standard error of at most 0.8 %
COLUMNS, CLASSES, SHAPES = 500, 1000, 16  # that are kept of each field
GOLDEN = 0x9E3779B97F4A7C15  # the odd constant of SplitMix64


@dataclass(frozen=True)
class ColumnPrint:
    """Statistics of one column over all that was read."""

    name: str
    dtype: str
    count: int  # values, the missing ones included
    missing: int
    mean: float | None  # None, here and below, where there are no numbers
    std: float | None
    low: float | None
    high: float | None
    median: float | None  # of the sampled rows
    quarters: tuple[float | None, float | None]  # a quarter of the values lies below the first, a quarter above the second


@dataclass(frozen=True)
class FieldPrint:
    """What a field is, and holds."""

    name: str
    role: str
    kind: str
    dtype: str
    shapes: dict[str, int]  # "(3, 32, 32)" → samples; the most frequent
    columns: tuple[ColumnPrint, ...]
    classes: dict[str, int]  # label → samples, most frequent first; empty for what is no class or category


@dataclass(frozen=True)
class Sketch:
    """A few of the content hashes, the same ones of whatever data: the smallest. What two sketches share tells what two data sets do."""

    hashes: str  # hexadecimal, 16 digits each, ascending
    whole: bool  # every different sample is among them


@dataclass(frozen=True)
class Fingerprint:
    """Of one split."""

    name: str
    about: str = ""
    samples: int = 0  # read
    whole: bool = False  # all of it was read
    exact: bool = False  # and every sample's hash is in `content`
    content: str = ""  # of inputs and targets, 32 hexadecimal digits: sums over the samples, so that no order counts
    inputs: str = ""  # of inputs alone
    distinct: int = 0  # different samples
    fields: tuple[FieldPrint, ...] = ()
    pair_sketch: Sketch = Sketch("", False)  # of inputs and targets together
    input_sketch: Sketch = Sketch("", False)
    lost: int = 0  # samples that could not be read, because they raised

    def describe(self) -> str:
        """A few lines of text."""
        extent = f" of a part of {self.samples:,} samples" if self.whole else f" of the first {self.samples:,} samples"
        extent = "" if self.exact else f" of the {self.samples:,} samples that could be read" if self.lost else extent
        lines = [f"{self.name}: {self.samples:,} samples, {self.about}" if self.about else f"{self.name}: {self.samples:,} samples"]
        lines.append(f"content {self.content or 'not known'}{extent}" + (f"; {self.lost:,} raised" if self.lost else ""))
        for field in self.fields:
            shapes = ", ".join(list(field.shapes)[:3])
            parts = [f"{field.name}: {field.role}, {field.kind}, {field.dtype}", shapes if shapes not in ("", "()") else ""]
            parts.append(f"{len(field.columns)} columns" if len(field.columns) > 1 else "")
            parts.append(f"{len(field.classes)} classes" if field.classes else "")
            lines.append("  " + ", ".join(part for part in parts if part))
        return "\n".join(lines)


def fingerprint(split: Split) -> Fingerprint:
    """Of all that was read."""
    pairs, inputs = split.pairs, split.inputs
    whole = split.whole and not split.stopped and not split.lost
    exact = whole and all(one.bound >= ALL and not one.left_out for one in (pairs, inputs))
    distinct = len(different(pairs.hashes))
    if pairs.bound < ALL:
        distinct = round(distinct * ALL / max(1, pairs.bound))
    return Fingerprint(
        split.name, split.about, split.samples, whole, exact, summed(pairs.hashes), summed(inputs.hashes), distinct,
        tuple(_field(field) for field in split.fields), sketch(pairs), sketch(inputs), len(split.lost),
    )  # fmt: skip


def summed(hashes: numpy.ndarray) -> str:
    """128 bits of a multiset of 64-bit hashes: two sums modulo 2^64, each of hashes that were mixed anew.

    Source: Clarke et al., Incremental multiset hash functions (2003), the additive one; it guards against accidents, not against malice.
    """
    if not len(hashes):
        return ""
    sums = (int(_mixed(hashes, numpy.uint64(key * GOLDEN % ALL)).sum(dtype=numpy.uint64)) for key in (1, 2))
    return "".join(f"{one:016x}" for one in sums)


def sketch(prints: Prints) -> Sketch:
    """The smallest of the different hashes."""
    hashes = different(prints.hashes)
    return Sketch("".join(f"{int(one):016x}" for one in hashes[:KEPT]), len(hashes) <= KEPT and prints.bound >= ALL)


def hashes_of(sketched: Sketch) -> numpy.ndarray:
    """(M,) uint64, ascending."""
    return numpy.frombuffer(bytes.fromhex(sketched.hashes), ">u8").astype(numpy.uint64)


def _mixed(hashes: numpy.ndarray, key: numpy.uint64) -> numpy.ndarray:
    """SplitMix64: Steele, Lea & Flood, Fast splittable pseudorandom number generators (2014)."""
    words = hashes.astype(numpy.uint64) + key
    words = (words ^ (words >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return words ^ (words >> numpy.uint64(31))


def _field(field: FieldData) -> FieldPrint:
    frequent = sorted(field.shapes.items(), key=lambda pair: -pair[1])[:SHAPES]
    shapes = {str(tuple(int(n) for n in shape)): int(count) for shape, count in frequent}
    return FieldPrint(field.name, field.role, field.kind, field.dtype, shapes, tuple(_columns(field)), _classes(field))


def _columns(field: FieldData) -> Iterable[ColumnPrint]:
    columns = field.columns
    if columns is None:
        return
    for i, name in enumerate(columns.names[:COLUMNS]):
        lower, median, upper = (_known(columns.quantiles[i, QUANTILES.index(q)]) for q in (0.25, 0.5, 0.75))
        numbers = map(_known, (columns.mean[i], columns.std[i], columns.low[i], columns.high[i]))
        yield ColumnPrint(name, columns.dtypes[i], int(columns.count[i]), int(columns.missing[i]), *numbers, median, (lower, upper))


def _known(value: float) -> float | None:
    return None if value != value else float(value)


def _classes(field: FieldData) -> dict[str, int]:
    counts = getattr(field.facts, "counts", None)
    if field.kind not in ("classes", "category") or not isinstance(counts, dict):
        return {}
    found: dict[str, int] = {}
    for label, count in list(counts.items())[:CLASSES]:
        found[_named(label)] = found.get(_named(label), 0) + int(count)
    return found


def _named(label: Any) -> str:
    if isinstance(label, float) and math.isfinite(label) and label == int(label):
        return str(int(label))  # 1.0 and 1 are the same class
    return str(label)
