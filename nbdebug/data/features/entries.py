"""Columns whose entries are of several types: numbers beside words, numbers written as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.split import FieldData, Split

PLACEHOLDERS = {"", "?", "-", "--", "---", ".", "n/a", "na", "n.a.", "nan", "null", "none", "nil", "missing", "unknown", "#n/a", "#na", "#value!", "inf"}
NUMBER = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)?(\.\d+)?([eE][-+]?\d+)?")
MOSTLY = 0.8  # of the entries, numbers
VARIED = 10  # different numbers
NAMED = 5


@dataclass(frozen=True)
class Entries:
    """A column of objects."""

    field: str
    entries: int  # sampled
    types: dict[str, int]  # Python type → entries
    numbers: float  # share that are numbers, or read like some
    different: int  # different numbers among them
    odd: tuple[str, ...]  # the first entries that are none, or are written so that float() fails
    odd_count: int
    placeholders: bool  # whether all of those stand for a missing value or have separators
    ids: tuple[int, ...]  # samples of the first odd ones

    @property
    def is_spoilt_number(self) -> bool:
        """Whether this is a column of numbers that a few entries keep from being read as such."""
        return self.odd_count > 0 and self.placeholders and self.numbers >= MOSTLY and self.different >= VARIED


def entries(split: Split) -> tuple[Entries, ...]:
    """The columns that hold more than one type, or numbers as text."""
    found = (_entries(field, split.ids) for field in split.fields if field.kind in ("text", "category", "classes", "other"))
    return tuple(look for look in found if look is not None)


def _entries(field: FieldData, ids: numpy.ndarray) -> Entries | None:
    listed = entries_of(field)
    if listed is None:
        return None
    known = [(entry, i) for entry, i in zip(listed, ids.tolist(), strict=False) if not _is_missing(entry)]
    if not known or not all(isinstance(entry, (str, int, float, bool)) for entry, _ in known):
        return None
    types: dict[str, int] = {}
    for entry, _ in known:
        types[type(entry).__name__] = types.get(type(entry).__name__, 0) + 1
    read = [_number(entry) for entry, _ in known]
    odd = [(str(entry), i) for (entry, i), number in zip(known, read, strict=True) if number is None or (isinstance(entry, str) and "," in entry)]
    numbers = [number for number in read if number is not None]
    plain = all(text.strip().lower() in PLACEHOLDERS or _number(text) is not None for text, _ in odd)
    texts = types.get("str", 0)
    if not texts or (len(types) == 1 and not odd) or not numbers:
        return None
    return Entries(
        field.name, len(known), types, len(numbers) / len(known), len(set(numbers)), tuple(dict.fromkeys(text for text, _ in odd))[:NAMED],
        len(odd), plain, tuple(i for _, i in odd[:24]),
    )  # fmt: skip


def _is_missing(entry: Any) -> bool:
    """None, NaN, NaT or pandas.NA; arrays are not compared."""
    return entry is None or type(entry).__name__ in ("NAType", "NaTType") or (isinstance(entry, (float, numpy.floating)) and bool(entry != entry))


def entries_of(field: FieldData) -> list[Any] | None:
    """The sampled entries as Python values; None where they are no single values."""
    if isinstance(field.sample, list):
        return field.sample
    names = getattr(field.facts, "names", None)
    if names is None or not isinstance(field.sample, numpy.ndarray) or field.sample.ndim != 1:
        return None
    return [names[code] if 0 <= code < len(names) else None for code in field.sample.tolist()]


def _number(entry: Any) -> float | None:
    if not isinstance(entry, str):
        return float(entry)
    text = entry.strip()
    if not text or not NUMBER.fullmatch(text):
        return None
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None
