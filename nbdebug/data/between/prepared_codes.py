"""Categories that were numbered anew in val: a code means another category than in train.

An encoder that is fitted again on val leaves no gap for a category that val lacks, so that all behind it move up; one that numbers as they come
numbers in the order of val. Both show in how often each code occurs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from nbdebug.data.between.found import Preparation
from nbdebug.data.split import FieldData

CODES = (5, 400)  # different codes of a column; our choice
COLUMNS = 64  # of a field
FEWEST = 60  # samples of val
PARTS = 40  # random parts of train that val is held against
CLEAR = 3.0  # times what any of them differs by; our choice
RESTORED = 1.0  # times it, at most, once the codes are moved back
COMING, BOTH = 7, 5  # codes from which it is no accident that they first occur in their order, in val alone, and in both; our choice: 1 / 7! and (1 / 5!) squared
UPWARDS = 0.5  # of the rows that may be followed by the same code or the next one: else they lie sorted, or in turns
PER_CODE = 2  # times as many codes have to be in val's rows, or their shares are noise


def prepared_codes(train: FieldData, val: FieldData, order: numpy.ndarray, own: numpy.ndarray) -> list[Preparation]:
    """The columns whose codes are explained by a numbering of val's own; empty where there is none.

    Args:
        order: (K,) train's rows as they lie in the dataset.
        own: (K,) val's rows.
    """
    found = []
    for name, theirs, ours in _columns(train, val):
        rule = _renumbered(theirs, ours) or _as_they_come(theirs[order], ours[own])
        if rule is not None:
            found.append(Preparation(train.name, (name,) if name != train.name else (), f"{name} was numbered anew in val: {rule}", None, None, None, True))
    return found


def _columns(train: FieldData, val: FieldData) -> Iterator[tuple[str, numpy.ndarray, numpy.ndarray]]:
    """(name, codes of train, codes of val) of every column of few whole numbers from 0."""
    a, b = _table(train), _table(val)
    if a is None or b is None or a.shape[1] != b.shape[1] or len(b) < FEWEST:
        return
    for column in range(min(COLUMNS, a.shape[1])):
        theirs, ours = a[:, column], b[:, column]
        if not numpy.isfinite(theirs).all() or not numpy.isfinite(ours).all() or (theirs % 1).any() or (ours % 1).any():
            continue
        low, high = min(theirs.min(), ours.min()), max(theirs.max(), ours.max())
        if low >= 0 and high <= 10 * CODES[1] and CODES[0] <= len(numpy.unique(theirs)) <= min(CODES[1], len(theirs) / PER_CODE):
            alone = getattr(train.sample, "ndim", 2) == 1
            name = train.name if alone else train.axis_names[column] if len(train.axis_names) == a.shape[1] else f"column {column}"
            yield name, theirs.astype(int), ours.astype(int)


def _table(field: FieldData) -> numpy.ndarray | None:
    if field.kind == "tokens" and isinstance(field.sample, list):
        lengths = {len(entry) for entry in field.sample if entry is not None}
        if len(lengths) != 1 or len(field.shapes) != 1 or any(entry is None for entry in field.sample):
            return None
        return numpy.stack(field.sample).astype(float)
    if field.kind == "tabular" and isinstance(field.sample, numpy.ndarray) and field.sample.ndim in (1, 2):
        return field.sample.reshape(len(field.sample), -1)
    return None


def _renumbered(theirs: numpy.ndarray, ours: numpy.ndarray) -> str | None:
    """What was done, where val's codes run without a gap and train's have one more category or several."""
    known, mine = numpy.unique(theirs), numpy.unique(ours)
    size = int(max(known.max(), mine.max())) + 1
    if len(known) - len(mine) not in (1, 2, 3) or mine[0] != known[0] or int(mine[-1] - mine[0]) != len(mine) - 1 or len(known) != known[-1] - known[0] + 1:
        return None
    base = numpy.bincount(theirs, minlength=size) / len(theirs)
    have = numpy.bincount(ours, minlength=size) / len(ours)
    random = numpy.random.default_rng(0)
    part = min(len(ours), len(theirs) // 2)
    bound = max(_apart(base, numpy.bincount(random.choice(theirs, part), minlength=size) / part, len(ours)) for _ in range(PARTS))
    before = _apart(base, have, len(ours))
    if before < CLEAR * bound:
        return None
    left, out, codes = have, [], mine
    for _ in range(len(known) - len(mine)):  # one category after the other is given its place back
        tried = [(_apart(base, _with_gap(left, code), len(ours)), code) for code in known]
        after, code = min(tried)
        left, out = _with_gap(left, code), [*out, int(code)]
    if after > RESTORED * bound or max(out) == codes[-1] + len(out):
        return None
    lacking = ", ".join(map(str, sorted(out)))
    return f"it lacks train's code {lacking}, and all codes behind it have moved up (chi-square {before:.0f} as it stands, {after:.0f} with them moved back, where chance gives {bound:.0f})"


def _as_they_come(theirs: numpy.ndarray, ours: numpy.ndarray) -> str | None:
    """What was done, where the codes of val first occur in the order of their numbers, as `unique()` and a dict that grows make them."""
    if not _is_numbered_so(ours):
        return None
    codes = len(numpy.unique(ours))
    if codes < (BOTH if _is_numbered_so(theirs) else COMING):
        return None
    return f"its {codes} codes stand in the order in which they first occur in val itself, so that a code means what came at that place in val, and not what it means in train"


def _is_numbered_so(codes: numpy.ndarray) -> bool:
    different, first = numpy.unique(codes, return_index=True)
    steps = numpy.diff(codes)
    mixed = float(((steps == 0) | (steps == 1)).mean()) <= UPWARDS
    return mixed and different[0] in (0, 1) and int(different[-1] - different[0]) == len(different) - 1 and bool((numpy.diff(first) > 0).all())


def _apart(expected: numpy.ndarray, shares: numpy.ndarray, count: int) -> float:
    """Pearson's chi-square of so many samples, half a sample added to what is expected of each code: it sees a rare code become a frequent one."""
    return float(count * ((shares - expected) ** 2 / (expected + 0.5 / count)).sum())


def _with_gap(shares: numpy.ndarray, code: int) -> numpy.ndarray:
    """The shares when this code, and all behind it, are one higher."""
    return numpy.concatenate([shares[:code], [0.0], shares[code:-1]])
