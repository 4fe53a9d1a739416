"""Two versions of data, fingerprint beside fingerprint: the same content or not, which samples, which columns, which statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy

from nbdebug.data.fingerprint import ColumnPrint, FieldPrint, Fingerprint, Sketch, hashes_of
from nbdebug.page import Note, Panel, Table

EFFECT = 0.1  # standard deviations by which a mean must move to be told; our choice: Cohen calls 0.2 small
SIGMAS = 4.0  # and standard errors
QUARTERS_ERROR = 1.6  # relative standard error of the distance between the quarters, times the root of the samples; 1.17 for a normal one, 1.6 for a lognormal
MISSING, SHARES = 0.01, 0.02  # by which a share of missing values, the total variation of classes must move
SHOWN = 20  # rows of a table
RENAMED = 1e-9  # relative difference of all statistics, below which a column that went and one that came are the same


@dataclass(frozen=True)
class Shared:
    """How many different samples two data sets have in common."""

    both: int
    removed: int  # only in a
    added: int  # only in b
    error: float  # standard error of the three; 0: they were counted
    labels_changed: int  # samples with the same inputs and other targets


@dataclass(frozen=True)
class Change:
    """One difference of schema or statistics."""

    field: str
    column: str  # "" for the whole field
    what: str  # "added", "removed", "renamed", "dtype", "kind", "shape", "mean", "spread" (between the quarters), "missing", "classes", "range"
    a: str
    b: str
    effect: float  # standard deviations, a ratio, or a share: what changes of one kind are ordered by


@dataclass(frozen=True)
class Compared:
    """One split of a beside one of b."""

    a: Fingerprint
    b: Fingerprint
    same: bool | None  # the very same samples, in whatever order; None: not all was read, so nobody knows
    same_inputs: bool | None
    shared: Shared | None  # None: nothing is known of the samples
    schema: tuple[Change, ...]
    statistics: tuple[Change, ...]  # what moved, the most first


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
        _shared(a, b), tuple(_schema(a, b)), tuple(_statistics(a, b)),
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
    shared = found.shared
    if shared is not None:
        about = f"about (± {shared.error:,.0f}) " if shared.error else ""
        parts.append(f"Of the different samples {about}{shared.both:,} are in both, {shared.removed:,} only in a, {shared.added:,} only in b.")
        if shared.labels_changed:
            parts.append(f"{about.capitalize()}{shared.labels_changed:,} samples have the same inputs and other targets.")
    if not found.schema and not found.statistics:
        parts.append("Schema and statistics are the same, as far as they were measured.")
    return " ".join(parts)


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


def _schema(a: Fingerprint, b: Fingerprint):
    ours, theirs = {f.name: f for f in a.fields}, {f.name: f for f in b.fields}
    for name in [*ours, *(n for n in theirs if n not in ours)]:
        if name not in theirs:
            yield Change(name, "", "removed", ours[name].kind, "", 1.0)
        elif name not in ours:
            yield Change(name, "", "added", "", theirs[name].kind, 1.0)
        else:
            yield from _field_schema(ours[name], theirs[name])


def _field_schema(a: FieldPrint, b: FieldPrint):
    for what in ("role", "kind", "dtype"):
        if getattr(a, what) != getattr(b, what):
            yield Change(a.name, "", what, getattr(a, what), getattr(b, what), 1.0)
    if set(a.shapes) != set(b.shapes) and a.kind not in ("tabular", "tokens", "text"):
        yield Change(a.name, "", "shape", ", ".join(list(a.shapes)[:3]), ", ".join(list(b.shapes)[:3]), 1.0)
    ours, theirs = {c.name: c for c in a.columns}, {c.name: c for c in b.columns}
    gone, new = [c for n, c in ours.items() if n not in theirs], [c for n, c in theirs.items() if n not in ours]
    for column in list(gone):
        twin = next((other for other in new if _same_numbers(column, other)), None)
        if twin is not None:
            gone.remove(column)
            new.remove(twin)
            yield Change(a.name, column.name, "renamed", column.name, twin.name, 1.0)
    yield from (Change(a.name, column.name, "removed", column.dtype, "", 1.0) for column in gone)
    yield from (Change(a.name, column.name, "added", "", column.dtype, 1.0) for column in new)
    for name in ours:
        if name in theirs and ours[name].dtype != theirs[name].dtype and a.dtype == b.dtype:
            yield Change(a.name, name, "dtype", ours[name].dtype, theirs[name].dtype, 1.0)


def _same_numbers(a: ColumnPrint, b: ColumnPrint) -> bool:
    if a.std is None or b.std is None:
        return False
    pairs = ((a.mean, b.mean), (a.std, b.std), (a.low, b.low), (a.high, b.high))
    return a.std > 0 and a.missing == b.missing and all(abs(x - y) <= RENAMED * max(abs(x), abs(y), 1e-300) for x, y in pairs)


def _statistics(a: Fingerprint, b: Fingerprint) -> list[Change]:
    theirs, found = {f.name: f for f in b.fields}, []
    for field in a.fields:
        other = theirs.get(field.name)
        if other is not None:
            columns = {c.name: c for c in other.columns}
            found += [change for c in field.columns if c.name in columns for change in _moved(field.name, c, columns[c.name])]
            found += _classes(field, other)
    return sorted(found, key=lambda change: -change.effect)


def _moved(field: str, a: ColumnPrint, b: ColumnPrint):
    holes = [c.missing / max(1, c.count) for c in (a, b)]
    if abs(holes[0] - holes[1]) > MISSING:
        yield Change(field, a.name, "missing", f"{holes[0]:.1%}", f"{holes[1]:.1%}", abs(holes[0] - holes[1]))
    if None in (a.mean, b.mean, a.std, b.std, *a.quarters, *b.quarters):
        return
    n, m = a.count - a.missing, b.count - b.missing
    spread = math.sqrt((a.std**2 + b.std**2) / 2) if math.isfinite(a.std + b.std) and max(a.std, b.std) < 1e150 else 0.0
    if n > 1 and m > 1 and spread > 0:
        effect, error = abs(b.mean - a.mean) / spread, math.sqrt(1 / n + 1 / m)
        if effect > EFFECT and effect > SIGMAS * error:
            yield Change(field, a.name, "mean", f"{a.mean:.4g}", f"{b.mean:.4g}", effect)
        wide, wider = (c.quarters[1] - c.quarters[0] for c in (a, b))
        ratio = abs(math.log(wider / wide)) if min(wide, wider) > 0 else 0.0
        if ratio > EFFECT and ratio > SIGMAS * QUARTERS_ERROR * error:
            yield Change(field, a.name, "spread", f"{wide:.4g}", f"{wider:.4g}", ratio)
    elif n and m and a.mean != b.mean and math.isfinite(a.mean + b.mean):
        yield Change(field, a.name, "mean", f"{a.mean:.4g}", f"{b.mean:.4g}", 100.0)  # of two constants


def _classes(a: FieldPrint, b: FieldPrint):
    if not a.classes or not b.classes:
        return
    total, other = sum(a.classes.values()), sum(b.classes.values())
    for label in [*a.classes, *(n for n in b.classes if n not in a.classes)]:
        n, m = a.classes.get(label, 0), b.classes.get(label, 0)
        share = (n + m) / (total + other)
        surely = SIGMAS * math.sqrt(share * (1 - share) * (1 / total + 1 / other))
        if (n == 0) != (m == 0) or abs(n / total - m / other) > max(SHARES, surely):
            yield Change(a.name, f"class {label}", "classes", f"{n:,} ({n / total:.1%})", f"{m:,} ({m / other:.1%})", abs(n / total - m / other))


def _panels(found: Compared, several: bool):
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
    for title, changes in (("schema", found.schema), ("statistics that moved", found.statistics)):
        if changes:
            rows = tuple((c.field, c.column, c.what, c.a, c.b, round(c.effect, 3)) for c in changes[:SHOWN])
            caption = f"{SHOWN} of {len(changes)}, the largest first" if len(changes) > SHOWN else ""
            yield Table(f"{title}{name}", ("field", "column", "what", "a", "b", "effect"), rows, caption)
