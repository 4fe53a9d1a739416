"""What is odd about the names of classes: two for one, numbers with holes, classes that only one split has."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy

from nbdebug.data.classes.balance import LONGEST, is_mixed, order_of
from nbdebug.data.classes.target import Target
from nbdebug.data.split import Split

NAMED = 8  # classes that are spelled out


@dataclass(frozen=True)
class Twins:
    """Labels that a person would read as one."""

    split: str
    why: str  # "spaces", "type" or "case"
    labels: tuple[str, ...]  # as Python writes them
    samples: int  # that carry the rarer of them


@dataclass(frozen=True)
class Numbered:
    """Classes that are whole numbers."""

    split: str
    lowest: int
    highest: int
    holes: tuple[int, ...]  # numbers between them that never occur; the first few
    hole_count: int


@dataclass(frozen=True)
class Unshared:
    """Classes that only one of the splits has."""

    split: str  # that has them
    classes: tuple[str, ...]  # the most frequent first, as many as are named
    count: int
    of: int  # classes of that split
    samples: int  # of that split that carry them
    share: float  # of its samples, 0..1
    by_chance: float  # how likely it is that a random division leaves any class so one-sided, 0..1; of the largest such class
    mixed: bool  # the other split was read to its end, or in an order that mixes the classes
    spelled: tuple[tuple[str, str], ...]  # (class, what the other split writes in its place), differing by blanks, type or case


def twins(split: Split, target: Target) -> tuple[Twins, ...]:
    """Names that differ by blanks, by type, or by case alone."""
    if target.kind != "classes":
        return ()
    count = dict(zip(target.names, target.counts, strict=True))
    found: list[Twins] = []
    told: set[Any] = set()
    for why, key in (("spaces", _stripped), ("type", _written), ("case", _lower)):
        groups = defaultdict(list)
        for name in target.names:
            if key(name):
                groups[key(name)].append(name)
        for group in groups.values():
            if len(group) > 1 and not told.issuperset(group):
                told.update(group)
                ranked = sorted(group, key=lambda name: -count[name])
                ours = tuple(repr(name)[:LONGEST] for name in ranked[:NAMED])
                found.append(Twins(split.name, why, ours, sum(count[name] for name in ranked[1:])))
    return tuple(found[:NAMED])


def _stripped(name: Any) -> str:
    return " ".join(name.split()) if isinstance(name, str) else ""


def _written(name: Any) -> str:
    """What the label is when it is written down: of 1, "1", 1.0 and b"1" the same."""
    if isinstance(name, float) and name.is_integer():
        name = int(name)
    text = str(name)
    return text[2:-1] if text[:2] in ("b'", 'b"') else text.strip()


def _lower(name: Any) -> str:
    return _written(name).casefold()


def numbered(split: Split, target: Target) -> Numbered | None:
    """From where to where they run, when all of them are whole numbers."""
    names = [name for name, count in zip(target.names, target.counts, strict=True) if count]
    if target.kind != "classes" or not names or not all(isinstance(name, int) and not isinstance(name, bool) for name in names):
        return None
    present = numpy.unique(names)
    low, high = int(present[0]), int(present[-1])
    if high - low > 10 * len(present):
        return Numbered(split.name, low, high, (), high - low + 1 - len(present))
    holes = sorted(set(range(low, high + 1)) - set(present.tolist()))
    return Numbered(split.name, low, high, tuple(holes[:NAMED]), len(holes))


def without(target: Target, marks: set[Any]) -> Target:
    """The target, as if no sample carried these labels, which are marks and no classes."""
    counts = tuple(0 if name in marks else count for name, count in zip(target.names, target.counts, strict=True))
    return replace(target, counts=counts, missing=target.missing + sum(target.counts) - sum(counts))


def unshared(has: Split, lacks: Split, owner: Target, other: Target) -> Unshared | None:
    """Classes of the one split that the other lacks."""
    if owner.kind != "classes" or other.kind != "classes":
        return None
    known = {name for name, count in zip(other.names, other.counts, strict=True) if count}
    counts = {name: count for name, count in zip(owner.names, owner.counts, strict=True) if count}
    alone = sorted((name for name in counts if name not in known), key=lambda name: -counts[name])
    if not alone:
        return None
    samples, labelled = sum(counts[name] for name in alone), sum(counts.values())
    part = labelled / max(1, labelled + other.counted - other.missing)
    written = {_lower(name): name for name in known}
    spelled = tuple((repr(name)[:LONGEST], repr(written[_lower(name)])[:LONGEST]) for name in alone if _lower(name) in written)
    return Unshared(
        has.name, tuple(repr(name)[:LONGEST] for name in alone[:NAMED]), len(alone), len(counts), samples, samples / labelled,
        min(1.0, len(counts) * part ** counts[alone[0]]), is_mixed(lacks, order_of(lacks, other)), spelled[:NAMED],
    )  # fmt: skip
