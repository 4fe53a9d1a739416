"""Two versions of data, fingerprint beside fingerprint: the same content or not, which samples, which columns, which statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.changes import Change, ranges, schema, statistics
from nbdebug.data.fingerprint import Fingerprint, Sketch, hashes_of
from nbdebug.page import Note, Panel, Table

SHOWN = 20  # rows of a table
NAMED = 3  # columns that a sentence spells out


@dataclass(frozen=True)
class Shared:
    """How many different samples two data sets have in common."""

    both: int
    removed: int  # only in a
    added: int  # only in b
    error: float  # standard error of the three; 0: they were counted
    labels_changed: int  # samples with the same inputs and other targets


@dataclass(frozen=True)
class Compared:
    """One split of a beside one of b."""

    a: Fingerprint
    b: Fingerprint
    same: bool | None  # the very same samples, in whatever order; None: not all was read, so nobody knows
    same_inputs: bool | None
    shared: Shared | None  # None: nothing is known of the samples
    schema: tuple[Change, ...]
    statistics: tuple[Change, ...]  # what moved beyond chance, the most first
    ranges: tuple[Change, ...] = ()  # columns whose smallest or largest value is another, be that chance or not


@dataclass(frozen=True)
class Comparison:
    """Two versions of data."""

    splits: tuple[Compared, ...]
    alone: tuple[str, ...] = ()  # splits that only one side has

    def panels(self) -> tuple[Panel, ...]:
        """A verdict in words, then what changed."""
        return tuple(panel for compared in self.splits for panel in _panels(compared, len(self.splits) > 1)) + (
            (Note("not compared", "; ".join(self.alone)),) if self.alone else ()
        )


def compared(a: Fingerprint, b: Fingerprint) -> Compared:
    """All differences between two fingerprints."""
    known = a.exact and b.exact
    return Compared(
        a, b, (a.content == b.content and a.samples == b.samples) if known else _differs(a, b), a.inputs == b.inputs if known else None,
        _shared(a, b), tuple(schema(a, b)), tuple(statistics(a, b)), tuple(ranges(a, b)),
    )  # fmt: skip


def sentence(found: Compared) -> str:
    """What there is to say in two or three sentences."""
    a, b = found.a, found.b
    sizes = f"{a.samples:,} samples in a, {b.samples:,} in b"
    if found.same:
        return f"The same content, whatever the order: {a.samples:,} samples, {a.content[:12]}."
    if found.same is None:
        opening = f"Not all samples were read or kept ({sizes}), so that it cannot be said whether the content is the same."
    else:
        opening = f"Not the same content: {sizes}."
    parts = [opening]
    if found.same_inputs and not found.same:
        parts.append("The inputs are the same; the targets are not.")
    lost = [(one.lost, side) for one, side in ((a, "a"), (b, "b")) if one.lost]
    parts += [f"{count:,} sample{'s' if count > 1 else ''} of {side} raised when read." for count, side in lost]
    if found.shared is not None:
        parts += _said(found.shared, differ=found.same is False)
    if not found.schema and not found.statistics:
        parts.append("The schema is the same, and no mean, spread, class or share of missing values moved beyond chance.")
    if found.ranges:
        named = "; ".join(f"{_place(c)} from {c.a} to {c.b}" for c in found.ranges[:NAMED])
        more = f"; and {len(found.ranges) - NAMED} more" if len(found.ranges) > NAMED else ""
        parts.append(f"{len(found.ranges)} column{'s have' if len(found.ranges) > 1 else ' has'} another range: {named}{more}.")
    return " ".join(parts)


def _said(shared: Shared, *, differ: bool) -> list[str]:
    """How many samples both have, counted or estimated."""
    about = f"about (± {shared.error:,.0f}) " if shared.error else ""
    if differ and not (shared.removed or shared.added):
        unseen = f"in so few that the estimate (± {shared.error:,.0f}) does not see them"
        few = unseen if shared.error else "only in how often they hold each"
        return [f"They share {'about ' if shared.error else 'all '}{shared.both:,} different samples, and differ {few}."]
    parts = [f"Of the different samples {about}{shared.both:,} are in both, {shared.removed:,} only in a, {shared.added:,} only in b."]
    if shared.labels_changed:
        parts.append(f"{about.capitalize()}{shared.labels_changed:,} samples have the same inputs and other targets.")
    return parts


def _place(change: Change) -> str:
    return change.column if change.column not in ("", "all") else change.field


def _differs(a: Fingerprint, b: Fingerprint) -> bool | None:
    """False where a part shows already that the content is another."""
    return False if a.whole and b.whole and a.samples != b.samples else None


def _shared(a: Fingerprint, b: Fingerprint) -> Shared | None:
    one, other = hashes_of(a.pair_sketch), hashes_of(b.pair_sketch)
    if not len(one) or not len(other) or not (a.whole and b.whole):
        return None
    both, union, error = _overlap(a.pair_sketch, b.pair_sketch, one, other, a.distinct, b.distinct)
    first, second = hashes_of(a.input_sketch), hashes_of(b.input_sketch)
    same_inputs = _overlap(a.input_sketch, b.input_sketch, first, second, a.distinct, b.distinct)[0] if len(first) and len(second) else both
    counted = error == 0 and a.input_sketch.whole and b.input_sketch.whole
    changed = max(0, same_inputs - both)
    return Shared(both, max(0, a.distinct - both), max(0, b.distinct - both), error, changed if counted or changed > 3 * error else 0)


def _overlap(
    a: Sketch, b: Sketch, one: numpy.ndarray, other: numpy.ndarray, distinct_a: int, distinct_b: int
) -> tuple[int, int, float]:
    """Samples in both, in either, and the standard error.

    Source: Beyer et al., On synopses for distinct-value estimation under multiset operations (SIGMOD 2007).
    """
    if a.whole and b.whole:
        both = len(numpy.intersect1d(one, other))
        return both, len(one) + len(other) - both, 0.0
    limit = min(one[-1] if not a.whole else numpy.uint64(2**64 - 1), other[-1] if not b.whole else numpy.uint64(2**64 - 1))
    one, other = one[one <= limit], other[other <= limit]  # below it both are complete
    both, union = len(numpy.intersect1d(one, other)), len(numpy.union1d(one, other))
    share = both / max(1, union)
    total = (distinct_a + distinct_b) / (1 + share)  # |A| + |B| = |A or B| + |A and B|
    return round(share * total), round(total), total * math.sqrt(max(share * (1 - share), 1 / max(1, union)) / max(1, union))


def _panels(found: Compared, several: bool) -> Iterator[Panel]:
    name = f", {found.a.name}" if several else ""
    yield Note(f"a beside b{name}", sentence(found))
    yield Table(
        f"what they are{name}", ("", "a", "b"),
        (
            ("samples", found.a.samples, found.b.samples), ("different ones", found.a.distinct, found.b.distinct),
            ("content", found.a.content[:16], found.b.content[:16]), ("inputs", found.a.inputs[:16], found.b.inputs[:16]),
            ("data", found.a.about or found.a.name, found.b.about or found.b.name),
        ),
    )  # fmt: skip
    for title, changes in (("schema", found.schema), ("statistics that moved", found.statistics), ("ranges that moved", found.ranges)):
        if changes:
            rows = tuple((c.field, c.column, c.what, c.a, c.b, round(c.effect, 3)) for c in changes[:SHOWN])
            caption = f"{SHOWN} of {len(changes)}, the largest first" if len(changes) > SHOWN else ""
            yield Table(f"{title}{name}", ("field", "column", "what", "a", "b", "effect"), rows, caption)
