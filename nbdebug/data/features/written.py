"""Numbers that are text from the first entry to the last, and rows that repeat the names of the columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from nbdebug.data.chunk import Rows
from nbdebug.data.features.entries import entries_of
from nbdebug.data.split import FieldData, Split

FEWEST = 20  # entries
VARIED = 10  # different numbers
NEARLY_ALL = 0.95  # whole numbers of which so many differ name the rows
MEASURED = 0.5  # of the entries have a decimal point, and so many differ: these are no codes
REPEATED = 2  # columns in which a row holds the column's name, at least, and half of those that are text
SAMPLES = 24
MISSING = ("None", "nan", "NaT", "<NA>")
TOLD_APART = re.compile(r"(.*) \(\d+\)", re.DOTALL)  # how a table's columns of one name are called here


@dataclass(frozen=True)
class Written:
    """A column of strings all of which are numbers."""

    field: str
    entries: int  # sampled
    different: int
    examples: tuple[str, ...]
    measured: bool  # most have a decimal point, and hardly one is repeated


def written(split: Split) -> tuple[Written, ...]:
    """The inputs of a table that are such; codes with leading zeros or of one length, and numbers of rows, are not."""
    if not isinstance(split.first, Rows):
        return ()
    found = (_written(field) for field in split.fields if field.role == "input" and field.kind in ("text", "category", "classes", "other"))
    return tuple(look for look in found if look is not None)


def _written(field: FieldData) -> Written | None:
    listed = entries_of(field) or []
    known = [entry for entry in listed if isinstance(entry, str)]
    if len(known) < FEWEST or any(str(entry) not in MISSING for entry in listed if not isinstance(entry, str)):
        return None
    levels = sorted({entry.strip() for entry in known})
    if len(levels) < VARIED or not all(map(_is_number, levels)):
        return None
    digits = [level.lstrip("+-") for level in levels]
    points = sum("." in entry for entry in known) / len(known)
    if any(number[:1] == "0" and number[1:2].isdigit() for number in digits):
        return None
    if not points and (len({len(number) for number in digits}) == 1 or len(levels) >= NEARLY_ALL * len(known)):
        return None
    measured = points >= MEASURED and len(levels) >= MEASURED * len(known)
    return Written(field.name, len(known), len(levels), tuple(known[:3]), measured)


def _is_number(text: str) -> bool:
    """Plain digits with a sign, a point and an exponent, and no more: float() takes "1_000", "nan" and "inf", too."""
    if not text or set(text) - set("+-.0123456789eE"):
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def headers(split: Split) -> tuple[int, ...]:
    """Sampled rows that hold the names of the columns, as files have them that were written one after the other."""
    if not isinstance(split.first, Rows):
        return ()
    named = [(field.name, values) for field in split.fields if (values := _texts(field)) is not None]
    if not named:
        return ()
    hits = [sum(values[row] == name for name, values in named if row < len(values)) for row in range(len(split.ids))]
    return tuple(int(i) for i, hit in zip(split.ids.tolist(), hits, strict=True) if hit >= max(REPEATED, len(named) / 2))[:SAMPLES]


def renamed(split: Split) -> tuple[str, ...]:
    """Columns of a table in which another has the same name."""
    if not isinstance(split.first, Rows) or not any(note.endswith(" with another") for note in split.notes):
        return ()
    names = [name for field in split.fields for name in (field.axis_names or (field.name,))]
    return tuple(name for name in names if (found := TOLD_APART.fullmatch(name)) and found[1] in names)


def _texts(field: FieldData) -> list[Any] | None:
    if field.kind not in ("text", "category", "classes", "other"):
        return None
    values = entries_of(field)
    return values if values and any(isinstance(value, str) for value in values) else None
