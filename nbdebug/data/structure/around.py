"""Signals that wrapped round before a loader could be heard: cut open elsewhere, the circle of their integers is smooth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy
from torch.utils.data import TensorDataset

from nbdebug.data.between.vectors import evenly
from nbdebug.data.gathering.images import ImageFacts
from nbdebug.data.running.stored import rows_of, unwrapped
from nbdebug.data.running.values import inputs_of, numbers
from nbdebug.data.split import FieldData, Split

CIRCLES = (256, 65536)  # numbers of 8 and 16 bits
FILLED, EVEN, ASKED = 0.94, 0.05, 24  # of the circle, from the lowest to the highest; of a step, that numbers may lie off it; numbers of which it is asked first
LEVELS, VALUES, ROWS = 24, 200_000, 64  # different numbers at least; values and samples that are looked at
SHORT, MANY_ROWS = 256, 512  # numbers of a row of which more are looked at, and how many; our choice
COLUMNS = 16  # of a row that may be a signal
ENDS, THERE, NEAR = 0.03, 0.002, 4  # of the circle, its share of the values at either end, and numbers next to the end that must all occur
SPIKE = 3.0  # times that the number at an end is there, beside the one next to it: there values were clipped
SALT, SMOOTHED = 0.7, 0.2  # neighbours on both sides of the cut, beside as many as there would be if none knew of the other, and what is left of the distance when it is cut open elsewhere; our choice
FIELD = 0.25  # of the neighbours lie at the ends
JUMPS, BETWEEN = 3e-4, 3.0  # share of neighbours nearly a whole circle apart, and how many times those that are a quarter to three quarters of it
SECTORS, EVERYWHERE, MOSTLY = 16, 0.25, 0.4  # parts of the circle, how full each must be beside the mean, and neighbours that must be calm; our choice
SEAM, DENSE, LIKE_OTHERS = 0.03, 0.3, 2.2  # of the circle beside the cut, how dense it is there beside the mean, and how far apart neighbours on both sides of it are, beside others there


@dataclass(frozen=True)
class WentAround:
    """A field whose numbers, scaled or not, went round the circle of 8 or 16 bits."""

    split: str
    field: str
    circle: int  # 256 or 65,536
    jumps: float  # share of the neighbours that lie more than half the circle apart
    apart: float  # mean distance of neighbours, in steps
    opened: float  # the same when the circle is cut open elsewhere
    one: int  # two neighbours, in steps from the lowest value
    other: int


def went_around(split: Split, field: FieldData, values: numpy.ndarray) -> WentAround | None:
    """None where it did not, where that cannot be told, or where it does so only as samples are read, which is heard there.

    Two levels, as of ink on paper, are smooth as well when their circle is cut open between them: so the numbers at both ends must be those of one
    continuous distribution, without the heap that clipping leaves, and neighbours on both sides of the cut as near to each other as any.

    Args:
        values: (N, …) of a batch, as delivered.
    """
    if values.ndim == 2 and isinstance(field.sample, numpy.ndarray) and field.sample.shape[1:] == values.shape[1:]:
        values = field.sample  # a batch of short rows holds too few numbers
    found = _around(split.name, field, values)
    if found is None or split.dataset is None:
        return found
    return found if any(_around(split.name, field, rows) is not None for rows in _held(split)) else None


def _is_short(split: Split) -> bool:
    field = split.input()
    return field is not None and all(len(shape) == 1 and shape[0] <= SHORT for shape in field.shapes)


def _held(split: Split) -> Iterator[numpy.ndarray]:
    """What the dataset holds in memory of some of the sampled rows, array by array."""
    places = [unwrapped(split.dataset, int(index)) for index in split.ids[evenly(len(split.ids), MANY_ROWS if _is_short(split) else ROWS)]] if split.by_index else []
    for data, _ in places[:1]:
        if isinstance(data, TensorDataset):
            stored = [[tensor[place].numpy() for _, place in places] for tensor in data.tensors]
        elif isinstance(data, (list, tuple)):
            stored = [list(rows) for rows in zip(*([row for _, row in inputs_of(data[place])] for _, place in places), strict=False)]
        else:
            stored = [[numbers(rows[int(place)]) for _, place in places] for _, _, rows in rows_of(data)]
        yield from (numpy.stack(rows) for rows in stored if rows[0] is not None and rows[0].size >= COLUMNS and len({row.shape for row in rows}) == 1)


def _around(split: str, field: FieldData, values: numpy.ndarray) -> WentAround | None:
    axes = _signal_axes(field, values)
    if not axes or values.dtype.kind not in "iuf":
        return None
    values = values[evenly(len(values), max(2, min(ROWS * max(1, SHORT // max(1, values[0].size)), VALUES // max(1, values[0].size))))]
    if not numpy.isfinite(values).all():
        return None
    for circle in CIRCLES:
        steps = _steps(values, circle)
        if steps is not None:
            return _judged(split, field.name, steps, axes, circle)
    return None


def _signal_axes(field: FieldData, values: numpy.ndarray) -> tuple[int, ...]:
    """Along which neighbours are alike."""
    if isinstance(field.facts, ImageFacts):
        return {2: (), 3: (1, 2), 4: (1, 2) if field.facts.layout == "HWC" else (2, 3)}.get(values.ndim, ())
    if field.kind in ("series", "audio") and values.ndim == 3:
        return (1 if values.shape[1] >= values.shape[2] else 2,)
    return (1,) if values.ndim == 2 and values.shape[1] >= COLUMNS and field.kind in ("series", "audio", "tabular") else ()


def _steps(values: numpy.ndarray, circle: int) -> numpy.ndarray | None:
    """Whole numbers from 0 that the values are steps of; None where they do not go from one end of the circle nearly to the other."""
    levels = numpy.unique(values).astype(numpy.float64)
    if not LEVELS <= len(levels) <= circle:
        return None
    if values.dtype.kind in "iu":
        return (values.astype(numpy.int64) - int(levels[0])) if FILLED * circle <= numpy.ptp(levels) < circle else None
    shares = (levels - levels[0]) / numpy.ptp(levels)
    lengths = numpy.arange(round(FILLED * circle), circle)
    some = shares[evenly(len(shares), ASKED)]
    for length in lengths[_off_step(some[None] * lengths[:, None]).max(1) < EVEN]:
        whole = shares * length
        if _off_step(whole).max() < EVEN and numpy.gcd.reduce(whole.round().astype(numpy.int64)) == 1:
            return ((values.astype(numpy.float64) - levels[0]) / numpy.ptp(levels) * length).round().astype(numpy.int64)
    return None


def _off_step(steps: numpy.ndarray) -> numpy.ndarray:
    return abs(steps - steps.round())


def _judged(split: str, field: str, steps: numpy.ndarray, axes: tuple[int, ...], circle: int) -> WentAround | None:
    one, other = (numpy.concatenate(ends) for ends in zip(*_neighbours(steps, axes), strict=True))
    apart = abs(one - other)
    jumps = apart > circle // 2
    if jumps.mean() < JUMPS or not _goes_on(steps, circle):
        return None
    around = numpy.minimum(apart, circle - apart)  # what every cut of the circle gives at the least
    salted = _is_salt(one, other, circle) and _opened(one, other, circle) <= SMOOTHED * apart.mean()
    if not salted and not _is_a_seam(steps, one, other, apart, around, circle):
        calm = _calm(steps, axes, circle)  # a signal that rises by more than half the circle at once tells nothing there
        if calm is None or not _is_a_seam(steps, one[calm], other[calm], apart[calm], around[calm], circle):
            return None
    first = int(numpy.flatnonzero(jumps)[0])
    return WentAround(split, field, circle, float(jumps.mean()), float(apart.mean()), float(around.mean()), int(one[first]), int(other[first]))


def _neighbours(steps: numpy.ndarray, axes: tuple[int, ...]) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
    for axis in axes:
        there = numpy.moveaxis(steps, axis, 0)
        yield there[:-1].reshape(-1), there[1:].reshape(-1)


def _calm(steps: numpy.ndarray, axes: tuple[int, ...], circle: int) -> numpy.ndarray | None:
    """Which neighbours in a series have one beside them that is near on the circle; None of images, or where that are few or the circle is not filled evenly."""
    if len(axes) != 1 or numpy.bincount(steps.reshape(-1) * SECTORS // circle, minlength=SECTORS).min() < EVERYWHERE * steps.size / SECTORS:
        return None
    there = numpy.moveaxis(steps, axes[0], 0)
    apart = abs(there[1:] - there[:-1])
    near = numpy.minimum(apart, circle - apart) <= circle // 16
    calm = numpy.zeros(near.shape, bool)
    calm[1:] |= near[:-1]
    calm[:-1] |= near[1:]
    return calm.reshape(-1) if calm.mean() >= MOSTLY else None


def _goes_on(steps: numpy.ndarray, circle: int) -> bool:
    """Whether both ends are there, and nothing was clipped to them."""
    high = int(steps.max())
    margin = max(NEAR, round(ENDS * circle))
    if min((steps < margin).mean(), (steps > high - margin).mean()) < THERE:
        return False
    wide = max(1, circle // 256)  # numbers that are counted together
    low_end, high_end = (numpy.bincount(part // wide, minlength=NEAR)[:NEAR] for part in (steps[steps < NEAR * wide], (high - steps)[high - steps < NEAR * wide]))
    return all(bool((end > 0).all()) and end[0] <= SPIKE * end[1] for end in (low_end, high_end))


def _is_salt(one: numpy.ndarray, other: numpy.ndarray, circle: int) -> bool:
    """Whether numbers of the two ends lie beside each other as if thrown, as noise around the cut does, and no drawing of two levels."""
    margin = ENDS * circle
    ends = (numpy.minimum(one, circle - one) <= margin) & (numpy.minimum(other, circle - other) <= margin)
    upper, also = one[ends] > circle // 2, other[ends] > circle // 2
    share = float(upper.mean()) if len(upper) >= LEVELS else 0.0
    return 0 < share < 1 and float((upper != also).mean()) >= SALT * 2 * share * (1 - share) and ends.mean() >= FIELD


def _opened(one: numpy.ndarray, other: numpy.ndarray, circle: int) -> float:
    """Mean distance of neighbours where the circle is cut open opposite to its ends."""
    half = circle // 2
    return float(abs((one + half) % circle - (other + half) % circle).mean())


def _is_a_seam(steps: numpy.ndarray, one: numpy.ndarray, other: numpy.ndarray, apart: numpy.ndarray, around: numpy.ndarray, circle: int) -> bool:
    """Whether values go on smoothly across the ends, at a place that is no valley of theirs."""
    whole = apart >= 0.75 * circle
    if whole.mean() < JUMPS or whole.sum() < BETWEEN * ((apart > 0.25 * circle) & ~whole).sum():
        return False
    seam = round(SEAM * circle)
    beside = numpy.minimum(steps, circle - steps) <= seam
    if beside.mean() / (2 * seam) < DENSE * 1 / circle:
        return False
    there = ~whole & ((numpy.minimum(one, circle - one) <= seam) | (numpy.minimum(other, circle - other) <= seam))
    return bool(there.any()) and float(around[whole].mean()) <= LIKE_OTHERS * float(around[there].mean())
