"""Batches that hold other parts, or other types, than the others do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbdebug.data.split import Split
from nbdebug.data.structure.odd import Odd

RARE = 0.2  # of the batches: fewer are an accident, more are a loader that takes turns between tasks
NUMBER = r"(\d[\d,]*)"
PRESENT = re.compile(rf"(?P<field>.+) is in {NUMBER} of {NUMBER} batches")
TYPED = re.compile(rf"(?P<field>.+?) is (?P<kinds>\S+ in {NUMBER}(?: and \S+ in {NUMBER})+) of {NUMBER} batches")


def odd_batches(split: Split) -> Iterator[Odd]:
    """One for each field that comes and goes, or changes its type, as the notes of the pass have it."""
    for note in split.notes if split.ordered else ():
        if found := PRESENT.fullmatch(note):
            present, total = whole(found[2]), whole(found[3])
            yield _odd(split, found["field"], note, min(present, total - present), total)
        elif found := TYPED.fullmatch(note):
            counts = [whole(number) for number in re.findall(rf" in {NUMBER}", f" {found['kinds']}")]
            yield _odd(split, found["field"], note, min(counts), sum(counts))


def whole(number: str) -> int:
    """Of `1,234`."""
    return int(number.replace(",", ""))


def _odd(split: Split, field: str, note: str, rare: int, total: int) -> Odd:
    kind = "batches" if rare <= max(1, RARE * total) and total > 2 else "batches of several makes"
    return Odd(kind, split.name, field, note, rare, total, ())
