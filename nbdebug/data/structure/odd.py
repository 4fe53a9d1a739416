"""Samples that are not what the others are, and what they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy

from nbdebug.data.split import FieldData, Split

NAMED = 64  # ids of one trouble
AGREE = 0.8  # of the samples have one class: then that is the class of such samples; our choice
NARROW = 0.5  # of the spread of all quantities: then such samples have a quantity of their own; our choice


@dataclass(frozen=True)
class Odd:
    """Something that some samples of one field have in common and the others have not."""

    kind: str  # "layout", "channels", "range", "constant", "empty", …
    split: str  # name
    field: str
    what: str  # a sentence with the numbers
    count: int  # samples, boxes or annotations
    of: int
    ids: tuple[int, ...]  # the first of the samples, as in Split.ids; () where none can be named
    place: str = ""  # the first of them in words: "dataset index 3, 17, 40, …"
    labels: int | None = None  # different targets that these samples have, of those that were sampled; None: no targets to compare
    alone: bool = True  # the field is the only input


def odd(kind: str, split: Split, field: FieldData, what: str, count: int, of: int, ids: Iterable[int], *, labels: int | None = None) -> Odd:
    """An `Odd` with its place."""
    named = tuple(int(number) for number in ids)[:NAMED]
    return Odd(kind, split.name, field.name, what, int(count), int(of), named, places(split, named, count), labels, is_alone(split, field))


def places(split: Split, ids: tuple[int, ...], count: int) -> str:
    """`dataset index 3, 17, 40, …`"""
    if not ids:
        return ""
    return ", ".join([split.name_of(ids[0]), *map(str, ids[1:5])]) + (", …" if count > 5 else "")


def is_alone(split: Split, field: FieldData) -> bool:
    """Whether the model gets nothing else of a sample; masks and lengths go with a sequence."""
    others = [f for f in split.fields if f.role == "input" and f.name != field.name and f.kind not in ("other", "mask")]
    return field.role == "input" and not any(not is_companion(f) for f in others)


def is_companion(field: FieldData) -> bool:
    """Whether a field only says how another one is to be read."""
    last = field.name.strip("[]'\"").lower()
    return any(word in last for word in ("mask", "length", "lengths", "token_type", "position", "index", "idx", "id")) and not last.endswith("input_ids")


def targets_of(split: Split, ids: Iterable[int]) -> int | None:
    """How many different targets these samples have, among those that were sampled; 1 where nearly all of them agree.

    None where there are no plain targets.
    """
    target = split.target()
    if target is None or target.kind not in ("classes", "quantity") or not isinstance(target.sample, numpy.ndarray) or target.sample.size != len(split.ids):
        return None
    targets = target.sample.reshape(-1).astype(numpy.float64)
    theirs = targets[numpy.isin(split.ids, numpy.fromiter(ids, numpy.int64))]
    values, counts = numpy.unique(theirs, return_counts=True)
    alike = numpy.nanstd(theirs) < NARROW * numpy.nanstd(targets) if target.kind == "quantity" else counts.max(initial=0) >= AGREE * counts.sum()
    return 1 if alike and len(values) else len(values)
