"""Values far from the others, and numbers that stand for a missing one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

NEAR, FAR = 1.5, 3.0  # interquartile ranges beyond the quartiles; Tukey, Exploratory Data Analysis (1977)
NAMED = 8
FEWEST = 20  # rows
TIMES = 5  # that a sentinel is seen at least
VARIED = 10  # other values that there must be
APART = 3.0  # times the range of all others that a sentinel lies away from them; our choice: no skewed column of ours has such a gap
USUAL = (999.0, 9999.0, 99999.0, 999999.0, 99.0, 8888.0, 7777.0, 32767.0, 32768.0, 65535.0, 2147483647.0, 2147483648.0)
ROUND = (-1.0, -9.0, -99.0, -999.0, -9999.0, 0.0, 99.0, 999.0, 9999.0, 99999.0)  # that stand for a missing value where they are repeated
OFTEN, RARELY = 10, 0.005  # rows, and share of them, that such a value has at least
ABOVE_ALL = 3  # times as often as any other value
HARDLY = 0.5  # different values among the others from which on these hardly repeat; our choice
WIDE, NARROW = 0.25, 0.02  # of the range of the others: as far a value lies off, or it is the end of the range
AMOUNTS = 0.06  # as far from zero as the others lie, of their range; our choice: of sound tables of ours none comes to 0.04
HUGE = 1e9  # powers of ten from here on are such numbers too


@dataclass(frozen=True)
class Outliers:
    """Of the sampled rows."""

    near: int  # beyond 1.5 interquartile ranges
    far: int  # beyond 3
    far_share: float
    lower: float  # the inner fences
    upper: float
    extremes: tuple[tuple[int, float], ...]  # sample, value; the farthest first


@dataclass(frozen=True)
class Sentinel:
    """One number, seen again and again, with nothing near it."""

    value: float
    count: int  # of the sampled rows
    rows: int
    nearest: float  # of the other values
    span: float  # of the other values, from the lowest to the highest
    ids: tuple[int, ...]  # the first samples that have it
    certain: bool = True  # else it may be meant, and is only worth a look


def outliers(values: numpy.ndarray, ids: numpy.ndarray) -> Outliers | None:
    """Values (K,) beyond the fences; None where half of the rows have one value, or there are too few."""
    known = numpy.isfinite(values)
    if known.sum() < FEWEST:
        return None
    low, middle, high = numpy.quantile(values[known], (0.25, 0.5, 0.75))
    spread = high - low
    if spread <= 0:
        return None
    beyond = numpy.where(known, numpy.maximum(low - values, values - high) / spread, 0.0)
    order = numpy.argsort(-beyond, kind="stable")[:NAMED]
    extremes = tuple((int(ids[i]), float(values[i])) for i in order if beyond[i] > FAR)
    near, far = int((beyond > NEAR).sum()), int((beyond > FAR).sum())
    return Outliers(near, far, far / int(known.sum()), float(low - NEAR * spread), float(high + NEAR * spread), extremes)


def sentinel(finite: numpy.ndarray, values: numpy.ndarray, ids: numpy.ndarray) -> Sentinel | None:
    """The lowest or highest value, if it is a usual stand-in for missing ones, repeated exactly, and far from the rest."""
    if len(finite) < FEWEST:
        return None
    for value, others in ((finite.min(), finite[finite > finite.min()]), (finite.max(), finite[finite < finite.max()])):
        count = len(finite) - len(others)
        if count < TIMES or not _is_usual(float(value)) or len(numpy.unique(others)) < VARIED:
            continue
        span, nearest = float(others.max() - others.min()), float(others[numpy.abs(others - value).argmin()])
        if abs(nearest - value) >= APART * span and count < len(others):
            where = dict.fromkeys(int(i) for i in ids[values == value])
            return Sentinel(float(value), count, len(finite), nearest, span, tuple(where)[:24])
    return None


def repeated(finite: numpy.ndarray, values: numpy.ndarray, ids: numpy.ndarray) -> Sentinel | None:
    """A round value that a column of numbers repeats again and again, and hardly any other: outside the others' range, or a riddle in it."""
    levels, counts = numpy.unique(finite, return_counts=True)
    if len(finite) < FEWEST or len(levels) <= VARIED:
        return None
    top = int(counts.argmax())
    value, count, others = float(levels[top]), int(counts[top]), numpy.delete(levels, top)
    rest = len(finite) - count
    if value not in ROUND or count < max(OFTEN, RARELY * len(finite)) or count >= rest or count < ABOVE_ALL * int(numpy.delete(counts, top).max()):
        return None
    verdict = _verdict(value, others, len(others) >= HARDLY * rest)
    if verdict is None:
        return None
    where = dict.fromkeys(int(i) for i in ids[values == value])
    nearest = float(others[numpy.abs(others - value).argmin()])
    return Sentinel(value, count, len(finite), nearest, float(others[-1] - others[0]), tuple(where)[:24], verdict)


def _verdict(value: float, others: numpy.ndarray, hardly: bool) -> bool | None:
    """Whether it is certain; None where it is likely meant: a zero beside small amounts, a limit at which values were cut."""
    low, high = float(others[0]), float(others[-1])
    if value < 0 <= low:  # of a sign that no other has
        return hardly or low - value >= WIDE * (high - low)
    off = max(low - value, value - high) / (high - low)
    if value == 0:  # which amounts and counts are by nature
        return False if off >= WIDE or (hardly and off >= AMOUNTS) else None
    if off > 0:
        return None if off < NARROW else hardly and off >= WIDE
    return False if hardly else None


def _is_usual(value: float) -> bool:
    size = abs(value)
    if any(abs(size - usual) <= 1e-6 * usual for usual in USUAL):
        return True
    exponent = numpy.log10(size) if size >= HUGE else 0.5
    return bool(abs(exponent - round(exponent)) < 1e-6 or size > 1e30)
