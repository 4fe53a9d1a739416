"""Rows of a table that are equal but for rounding: to six digits of a column's spread."""

from __future__ import annotations

import numpy

from nbdebug.data.between.vectors import table
from nbdebug.data.split import FieldData

TOLERANCE = 1e-5  # of the standard deviation: a CSV of six digits, float32 beside float64
VARYING = 3  # columns that differ within train, at the least


def equal_rows(train: FieldData, val: FieldData) -> dict[int, tuple[int, float]]:
    """Row of val → row of train, 1.0. A random projection is sorted, and what lies together is compared in all columns."""
    theirs, ours = table(train), table(val)
    assert theirs is not None and ours is not None
    if len(theirs) < 2 or not len(ours):
        return {}
    known = numpy.isfinite(theirs).any(0)
    theirs, ours = theirs[:, known], ours[:, known]
    with numpy.errstate(all="ignore"):
        finite = numpy.where(numpy.isfinite(theirs), theirs, numpy.nan)
        middle, spread = numpy.nanmean(finite, 0), numpy.nanstd(finite, 0)
    varying = numpy.isfinite(spread) & (spread > 0)
    if varying.sum() < VARYING:
        return {}
    theirs, ours = (numpy.nan_to_num((v[:, varying] - middle[varying]) / spread[varying], nan=-999.0, posinf=999.0, neginf=-998.0) for v in (theirs, ours))
    direction = numpy.random.default_rng(0).standard_normal(int(varying.sum()))
    direction /= numpy.abs(direction).sum()  # so that a row within the tolerance is so in the projection
    order = numpy.argsort(theirs @ direction, kind="stable")
    line, at = (theirs @ direction)[order], ours @ direction
    low, high = numpy.searchsorted(line, at - TOLERANCE), numpy.searchsorted(line, at + TOLERANCE, "right")
    found = {}
    for row in numpy.flatnonzero(high > low):
        candidates = order[low[row] : min(high[row], low[row] + 64)]
        far = numpy.abs(theirs[candidates] - ours[row]).max(1)
        if far.min() <= TOLERANCE:
            found[int(row)] = (int(candidates[far.argmin()]), 1.0)
    return found
