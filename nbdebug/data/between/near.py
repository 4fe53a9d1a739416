"""Samples of val that are nearly in train: rounded, re-encoded, brightened, a word changed."""

from __future__ import annotations

import numpy

from nbdebug.data.between.alike_hashes import alike_hashes, within
from nbdebug.data.between.chance import by_chance
from nbdebug.data.between.copies import beyond
from nbdebug.data.between.found import PAIRS, Overlap, Pair
from nbdebug.data.between.neighbours import near_vectors
from nbdebug.data.between.rounding import equal_rows
from nbdebug.data.between.shingles import MOST_OF_VAL, near_entries
from nbdebug.data.between.vectors import comparable, table
from nbdebug.data.context import Context
from nbdebug.data.gathering.hashing import among
from nbdebug.data.split import FieldData, Split

NEEDED = 0.5  # seconds that must be left
Found = dict[int, tuple[int, float]]  # row of val's sample → row of train's sample, likeness


def near_copies(train: Split, val: Split, context: Context, exact: Overlap | None) -> Overlap | None:
    """Among the sampled rows, what is no copy to the last bit and yet the same. None where there is nothing.

    Train's own halves are searched in the same way: frames of a film or synthetic signals have near copies everywhere, and
    then those of val say nothing.
    """
    ours, theirs = val.input(), train.input()
    if context.left < NEEDED or ours is None or theirs is None or not comparable(theirs, ours):
        return None
    if theirs.kind == "image" and max(train.samples - len(train.ids), val.samples - len(val.ids)) > 0:
        many = _among_all(train, val, theirs, ours, context)
        if many is not None:
            return many
    known = _exact_rows(train, val)
    search, measure = _search(theirs, ours)
    if search is None:
        return None
    found = {row: hit for row, hit in search(theirs, ours).items() if row not in known}
    found = _where_others_agree(train, val, found)
    if not found:
        return None
    compared = _looked_for(theirs, val)
    expected = _within(train, theirs, compared, search) if context.left > NEEDED else None
    if expected is None or not beyond(len(found), compared, expected / max(1, compared)):
        return None
    if theirs.kind == "tabular" and by_chance(train, 1.0):
        return None
    pairs = tuple(Pair(int(train.ids[hit[0]]), int(val.ids[row]), hit[1]) for row, hit in list(found.items())[:PAIRS])
    return Overlap(
        "near", len(found), compared, val.samples, expected, True, len(val.ids) < val.samples or len(train.ids) < train.samples,
        _other_label(train, val, found), pairs, measure,
    )  # fmt: skip


def _among_all(train: Split, val: Split, theirs: FieldData, ours: FieldData, context: Context) -> Overlap | None:
    """Of more images than were sampled."""
    found = alike_hashes(train, val, theirs, ours, context)
    compared = len(getattr(ours.facts, "phashes", ()))
    if not found:
        return None
    expected = within(train, theirs, compared)
    if not beyond(len(found), compared, expected / max(1, compared)):
        return None
    pairs = tuple(Pair(other, own, likeness) for own, (other, likeness) in list(found.items())[:PAIRS])
    return Overlap("near", len(found), compared, val.samples, expected, True, True, None, pairs, "correlation")


def _looked_for(field: FieldData, val: Split) -> int:
    return min(len(val.ids), MOST_OF_VAL) if field.kind in ("text", "tokens") else len(val.ids)


def _search(train: FieldData, val: FieldData):
    if train.kind in ("text", "tokens") and isinstance(train.sample, list):
        return near_entries, "share of the rarer runs of words" if train.kind == "text" else "share of the rarer runs of tokens"
    if train.kind == "tabular" and table(train) is not None:
        return equal_rows, "equal but for rounding"
    if train.kind in ("image", "series", "audio") and table(train) is not None:
        return near_vectors, "correlation"
    return None, ""


def _exact_rows(train: Split, val: Split) -> set[int]:
    """Sampled rows of val that train holds to the last bit: they are counted elsewhere."""
    sampled = among(val.inputs.ids, val.ids)
    ids, hashes = val.inputs.ids[sampled], val.inputs.hashes[sampled]
    held = train.inputs.hashes[among(train.inputs.hashes, hashes)]
    return set(numpy.flatnonzero(among(val.ids, ids[among(hashes, held)])).tolist())


def _where_others_agree(train: Split, val: Split, found: Found) -> Found:
    """Those whose other inputs agree as well, where a sample has several."""
    others = [(f, train.named(f.name)) for f in val.fields if f.role == "input" and f is not val.input() and f.kind in ("tabular", "category")]
    for ours, theirs in others:
        a, b = table(ours), table(theirs) if theirs is not None else None
        if a is None or b is None or a.shape[1] != b.shape[1] or ours.kind == "category":
            continue
        found = {row: hit for row, hit in found.items() if numpy.allclose(a[row], b[hit[0]], rtol=1e-5, atol=1e-6, equal_nan=True)}
    return found


def _within(train: Split, field: FieldData, compared: int, search) -> float:
    """How many of so many samples would be found if val were a random part of train: near copies, not those to the last bit."""
    order = numpy.random.default_rng(0).permutation(len(train.ids))
    part = min(compared, len(order) // 2)
    if part < 2:
        return float(compared)
    rest, held = _rows(field, order[part:]), _rows(field, order[:part])
    sampled = among(train.inputs.ids, train.ids)
    ids = train.inputs.ids[sampled]
    hashes = dict(zip(ids.tolist(), train.inputs.hashes[sampled].tolist(), strict=True))
    known = set(train.inputs.hashes[sampled][among(ids, train.ids[order[part:]])].tolist())
    hits = search(rest, held)
    return compared * sum(hashes.get(int(train.ids[order[row]])) not in known for row in hits) / part


def _rows(field: FieldData, rows: numpy.ndarray) -> FieldData:
    from dataclasses import replace

    sample = [field.sample[i] for i in rows] if isinstance(field.sample, list) else field.sample[rows]
    return replace(field, sample=sample)


def _other_label(train: Split, val: Split, found: Found) -> int | None:
    ours, theirs = val.target(), train.target()
    if ours is None or theirs is None or ours.kind != "classes" or theirs.kind != "classes":
        return None
    names, others = getattr(theirs.facts, "names", ()), getattr(ours.facts, "names", ())
    if not names or not others or isinstance(ours.sample, list):
        return None

    def label(known, code):
        return known[int(code)] if 0 <= int(code) < len(known) else None

    return sum(label(others, ours.sample[row]) != label(names, theirs.sample[hit[0]]) for row, hit in found.items())
