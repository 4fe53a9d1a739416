"""What differs between two fingerprints: schema, statistics beyond chance, ranges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug.data.fingerprint import ColumnPrint, FieldPrint, Fingerprint

EFFECT = 0.1  # standard deviations by which a mean must move to be told; our choice: Cohen calls 0.2 small
SIGMAS = 4.0  # and standard errors
QUARTERS_ERROR = 1.6  # relative standard error of the quarters' distance, times the root of the samples: lognormal; 1.17 if normal
MISSING, SHARES = 0.01, 0.02  # by which a share of missing values, the total variation of classes must move
RENAMED = 1e-9  # relative difference of all statistics, below which a column that went and one that came are the same


@dataclass(frozen=True)
class Change:
    """One difference of schema or statistics."""

    field: str
    column: str  # "" for the whole field
    what: str
    # "added", "removed", "renamed", "dtype", "kind", "role", "shape", "mean", "spread" (of the quarters), "missing", "classes", "range"
    a: str
    b: str
    effect: float  # standard deviations, a ratio, or a share: what changes of one kind are ordered by


def schema(a: Fingerprint, b: Fingerprint) -> Iterator[Change]:
    """Fields and columns that came, went, or are of another kind."""
    ours, theirs = {f.name: f for f in a.fields}, {f.name: f for f in b.fields}
    for name in [*ours, *(n for n in theirs if n not in ours)]:
        if name not in theirs:
            yield Change(name, "", "removed", ours[name].kind, "", 1.0)
        elif name not in ours:
            yield Change(name, "", "added", "", theirs[name].kind, 1.0)
        else:
            yield from _field_schema(ours[name], theirs[name])


def _field_schema(a: FieldPrint, b: FieldPrint) -> Iterator[Change]:
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


def statistics(a: Fingerprint, b: Fingerprint) -> list[Change]:
    """What moved beyond chance, the most first."""
    theirs, found = {f.name: f for f in b.fields}, []
    for field in a.fields:
        other = theirs.get(field.name)
        if other is not None:
            columns = {c.name: c for c in other.columns}
            found += [change for c in field.columns if c.name in columns for change in _moved(field.name, c, columns[c.name])]
            found += _classes(field, other)
    return sorted(found, key=lambda change: -change.effect)


def ranges(a: Fingerprint, b: Fingerprint) -> list[Change]:
    """Ends of columns that are others, the farthest moved in standard deviations first."""
    theirs, found = {f.name: f for f in b.fields}, []
    for field in a.fields:
        columns = {c.name: c for c in theirs[field.name].columns} if field.name in theirs else {}
        for one in field.columns:
            other = columns.get(one.name)
            if other is None or None in (one.low, one.high, other.low, other.high) or (one.low, one.high) == (other.low, other.high):
                continue
            moved = max(abs(one.low - other.low), abs(one.high - other.high))
            spread = max(one.std or 0.0, other.std or 0.0)
            effect = moved / spread if spread > 0 and math.isfinite(moved / spread) else 0.0
            ends = (f"{c.low:.6g}..{c.high:.6g}" for c in (one, other))
            found.append(Change(field.name, one.name, "range", *ends, effect))
    return sorted(found, key=lambda change: -change.effect)


def _moved(field: str, a: ColumnPrint, b: ColumnPrint) -> Iterator[Change]:
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


def _classes(a: FieldPrint, b: FieldPrint) -> Iterator[Change]:
    if not a.classes or not b.classes:
        return
    total, other = sum(a.classes.values()), sum(b.classes.values())
    for label in [*a.classes, *(n for n in b.classes if n not in a.classes)]:
        n, m = a.classes.get(label, 0), b.classes.get(label, 0)
        share = (n + m) / (total + other)
        surely = SIGMAS * math.sqrt(share * (1 - share) * (1 / total + 1 / other))
        apart = abs(n / total - m / other)
        if (n == 0) != (m == 0) or apart > max(SHARES, surely):
            yield Change(a.name, f"class {label}", "classes", f"{n:,} ({n / total:.1%})", f"{m:,} ({m / other:.1%})", apart)
