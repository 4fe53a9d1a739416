"""Windows of val that overlap windows of train: cut from one series, and divided at random."""

from __future__ import annotations

import numpy

from nbdebug.data.between.found import PAIRS, Overlap, Pair
from nbdebug.data.between.vectors import table
from nbdebug.data.split import FieldData, Split

RUN = 6  # values in a row that are compared; our choice: continuous ones that agree in so many are the same measurement
DISTINCT = 5  # of them that must differ: padding, silence and counts repeat by chance
VALUES = 100  # that there must be at all: of few, as the grey levels of digits, runs repeat by chance; our choice
USABLE = 8  # runs of a window, below which nothing is said of it
COVERED = 0.8  # of a window's runs, found in train at another place of a window; where val follows train in time only its first windows are
SHARE = 0.3  # of val's windows; our choice: neighbours at the border of two periods stay below
MOST = 4_000_000  # runs
MANY = 500  # rows whose values are counted
KINDS = ("series", "tabular", "audio", "time")


def overlapping_windows(train: Split, val: Split) -> Overlap | None:
    """Windows of val whose values stand in windows of train, moved; None where they are few."""
    theirs, ours = _flat(train.input()), _flat(val.input())
    if theirs is None or ours is None or theirs.shape[1] != ours.shape[1] or theirs.size + ours.size > MOST:
        return None
    known, mine = _runs(theirs), _runs(ours)
    usable, places = mine != 0, numpy.arange(mine.shape[1])
    order = numpy.argsort(known, axis=None, kind="stable")
    hashes, starts = numpy.unique(known.ravel()[order], return_index=True)
    low, high = (reduce(order % len(places), starts) for reduce in (numpy.minimum.reduceat, numpy.maximum.reduceat))
    at = numpy.minimum(numpy.searchsorted(hashes, mine), len(hashes) - 1)
    moved = usable & (hashes[at] == mine) & ((low[at] != places) | (high[at] != places))  # equal columns of a table stay where they are
    counted = usable.sum(1)
    inside = (counted >= USABLE) & (moved.sum(1) >= COVERED * counted)
    count, compared = int(inside.sum()), int((counted >= USABLE).sum())
    if count < max(USABLE, SHARE * max(1, compared)) or compared < len(ours) / 2:
        return None
    pairs = []
    for row in numpy.flatnonzero(inside)[:PAIRS]:
        there = order[starts[at[row, numpy.flatnonzero(moved[row])[0]]]]
        pairs.append(Pair(int(train.ids[there // len(places)]), int(val.ids[row]), 1.0))
    estimated = len(val.ids) < val.samples or len(train.ids) < train.samples
    return Overlap("windows", count, compared, val.samples, 0.0, True, estimated, None, tuple(pairs), "the same steps")


def _flat(field: FieldData | None) -> numpy.ndarray | None:
    """(K, D) of windows of continuous values."""
    if field is None or field.kind not in KINDS or "float" not in field.dtype:
        return None
    values = table(field)
    return values if values is not None and values.shape[1] >= USABLE + RUN and len(numpy.unique(values[:MANY])) >= VALUES else None


def _runs(rows: numpy.ndarray) -> numpy.ndarray:
    """(K, D - RUN + 1) a hash of every run of values; 0 where too few of them differ."""
    windows = numpy.lib.stride_tricks.sliding_window_view(rows, RUN, axis=1)
    bits = numpy.ascontiguousarray(rows + 0.0).view(numpy.uint64)  # -0.0 is 0.0
    factors = numpy.random.default_rng(0).integers(1, 2**63, RUN, dtype=numpy.uint64) * 2 + 1
    hashes = (numpy.lib.stride_tricks.sliding_window_view(bits, RUN, axis=1) * factors).sum(2, dtype=numpy.uint64)
    distinct = 1 + (numpy.diff(numpy.sort(windows, axis=2), axis=2) > 0).sum(2)
    return numpy.where(distinct >= DISTINCT, hashes, 0)
