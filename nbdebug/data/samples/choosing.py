"""Which samples are shown: all that are flagged, and some of every class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy

from nbdebug.data.context import Flag
from nbdebug.data.samples.labels import class_codes
from nbdebug.data.split import Split

MOST = 160  # samples in all
MOST_FLAGGED = 96  # of them that are named by somebody
PER_REASON = 24
OF_VALIDATION = 0.25  # of those that nobody names
PER_CLASS = 24


@dataclass(frozen=True)
class Chosen:
    """A sample to show."""

    split: Split
    id: int
    place: int | None  # its row in the sampled rows; None where it was not sampled
    reasons: tuple[str, ...]


def chosen(splits: tuple[Split, ...], flags: Iterable[Flag], most: int = MOST) -> list[Chosen]:
    """The flagged ones first, then the others, of every class in turn."""
    reasons = _reasons(splits, flags)
    found = [(split, number) for split in splits for number in reasons.get(split.name, {})]
    rest = most - len(found)
    for split in splits:
        alone = len(splits) == 1
        share = rest if alone else round(rest * (OF_VALIDATION if split is splits[-1] else 1 - OF_VALIDATION))
        known = reasons.get(split.name, {})
        found += [(split, int(split.ids[place])) for place in _of_every_class(split, share) if int(split.ids[place]) not in known]
    places = {split.name: {number: place for place, number in enumerate(split.ids.tolist())} for split in splits}
    return [
        Chosen(split, number, places[split.name].get(number), tuple(reasons.get(split.name, {}).get(number, ())))
        for split, number in found
    ]


def _reasons(splits: tuple[Split, ...], flags: Iterable[Flag]) -> dict[str, dict[int, list[str]]]:
    """Split → sample → why it is flagged."""
    known, found, count = {split.name for split in splits}, {}, 0
    for flag in flags:
        for number in flag.ids[:PER_REASON] if flag.split in known else ():
            of_split = found.setdefault(flag.split, {})
            if number not in of_split and count >= MOST_FLAGGED:
                continue
            count += number not in of_split
            told = of_split.setdefault(number, [])
            told += [flag.reason] * (flag.reason not in told)
    return found


def _of_every_class(split: Split, most: int) -> list[int]:
    """Rows of the sample: one of each class, a second of each, …; without classes evenly from all of it."""
    count = len(split.ids)
    codes = class_codes(split)
    if codes is None or len(codes) != count:
        return sorted(set(numpy.linspace(0, count - 1, min(count, max(0, most))).round().astype(int).tolist()))
    order = numpy.argsort(codes, kind="stable")
    turns = numpy.arange(count) - numpy.searchsorted(codes[order], codes[order])  # how many of its class come before it
    taken = order[turns < PER_CLASS]
    turns = turns[turns < PER_CLASS]
    return taken[numpy.lexsort((codes[taken], turns))][: max(0, most)].tolist()
