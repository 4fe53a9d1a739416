"""Groups of near copies, as frames of one visit or noisy copies of one sample make them, that a split has cut through.

Nothing is said of data whose samples merely lie near each other: here each has as many near ones as all others have, and then comes a gap.
"""

from __future__ import annotations

from collections import Counter

import numpy
import torch

from nbdebug.data.between.found import PAIRS, Overlap, Pair
from nbdebug.data.between.vectors import comparable, evenly, shrunk, table
from nbdebug.data.classes.places import original
from nbdebug.data.split import FieldData, Split

MOST = 2500  # rows of both splits together
NEIGHBOURS = 12  # that are looked at; a group has at most ten members
GAP = 4.0  # times as far as the last of its group lies the next sample; our choice: along a line one in three has such a gap, in a plane one in fourteen
PAIRED_GAP, PAIRED = 2.2, 0.95  # of pictures that are taken as they are: along a line of even steps the next but one lies twice as far, and chance makes pairs of half of them; our choice
GROUPED = 0.6  # of the samples that have one
EQUAL = 0.8  # of those whose group is of the most frequent size: what repeats by chance comes in groups of any size
FEWEST_COLUMNS = 4
PIXELS = 16  # pixels a side, or columns that are looked at
FEWEST_ROWS = 100  # of what is no picture, in both splits together; our choice
MEASURED, DIFFERENT, MANY = 6, 0.5, 500  # columns with so many different numbers a row, of the first rows; our choice


def shared_litters(train: Split, val: Split) -> Overlap | None:
    """The samples of val whose group lies in train, too; None where there are no groups, or none is shared."""
    ours, theirs = val.input(), train.input()
    if ours is None or theirs is None or not comparable(theirs, ours) or not isinstance(theirs.sample, numpy.ndarray) or len(ours.sample) < NEIGHBOURS:
        return None
    mine, held = evenly(len(theirs.sample), MOST), evenly(len(ours.sample), MOST)
    if len(mine) < len(theirs.sample) or len(held) < len(ours.sample) or len(mine) + len(held) > MOST or not train.whole:
        return None  # a part of the samples holds parts of the groups
    rows = measured_rows(theirs, ours)
    if rows is None or rows.shape[1] < FEWEST_COLUMNS or len(rows) < 4 * NEIGHBOURS:
        return None
    size, near = _groups(rows, GAP)
    usual = _usual(size, EQUAL)
    if not usual and theirs.kind == "image":  # a noisy or brighter copy: edges that hardly vary must not count as much as the picture
        plain = [torch.from_numpy(shrunk(field.sample, PIXELS).reshape(len(field.sample), -1)).float() for field in (theirs, ours)]
        size, near = _groups(torch.cat(plain).nan_to_num(0.0, 0.0, 0.0), PAIRED_GAP)
        usual = _usual(size, PAIRED) if _usual(size, PAIRED) == 2 else 0
    if not usual:
        return None
    if theirs.kind != "image" and _is_periodic(train, val, size == usual, near[:, : usual - 1]):
        return None
    pairs = []
    for row in range(len(theirs.sample), len(rows)):
        kin = near[row, : usual - 1]
        other = kin[kin < len(theirs.sample)]
        if size[row] == usual and len(other):
            pairs.append(Pair(int(train.ids[other[0]]), int(val.ids[row - len(theirs.sample)]), 1.0))
    if not pairs:
        return None
    measure = f"samples come in groups of {usual} near copies"
    return Overlap("groups", len(pairs), len(ours.sample), val.samples, 0.0, True, False, None, tuple(pairs[:PAIRS]), measure)


def measured_rows(theirs: FieldData, ours: FieldData) -> torch.Tensor | None:
    """(n + m, D) rows of train and val, every column standardised."""
    if theirs.kind == "image":
        both = [shrunk(field.sample, PIXELS).reshape(len(field.sample), -1) for field in (theirs, ours)]
    elif theirs.kind in ("series", "audio", "tabular"):
        both = [table(field) for field in (theirs, ours)]
        if any(part is None for part in both) or sum(map(len, both)) < FEWEST_ROWS or "float" not in theirs.dtype or not _is_measured(both[0]):  # rows of a design repeat by themselves
            return None
    else:
        return None
    if both[0].shape[1] != both[1].shape[1]:
        return None
    rows = torch.from_numpy(numpy.nan_to_num(numpy.concatenate(both), posinf=0.0, neginf=0.0)).float()
    rows = rows[:, :: max(1, rows.shape[1] // 512)]
    spread = rows.std(0)
    return ((rows - rows.mean(0)) / spread.clamp(min=1e-12))[:, spread > 0]


def _is_periodic(train: Split, val: Split, chosen: numpy.ndarray, kin: numpy.ndarray) -> bool:
    """Whether most lie one and the same distance from their nearest in the dataset, as windows of a periodic series do; copies lie side by side, or anywhere."""
    index = numpy.concatenate([original(train), original(val)])
    rows = numpy.flatnonzero(chosen)
    lags = numpy.abs(index[kin[rows]] - index[rows, None]).min(1)
    lag, often = Counter(lags.tolist()).most_common(1)[0]
    return lag > kin.shape[1] and often >= len(rows) / 2


def _is_measured(rows: numpy.ndarray) -> bool:
    """Whether there are columns enough that hold another number in each row."""
    some = rows[:MANY, :: max(1, rows.shape[1] // PIXELS)]
    return sum(len(numpy.unique(column)) >= DIFFERENT * len(some) for column in some.T) >= MEASURED


def _usual(size: numpy.ndarray, equal: float) -> int:
    """Members of the most frequent group; 0 where samples come in no groups, or in groups of any size."""
    grouped = size > 1
    usual, often = Counter(size[grouped].tolist()).most_common(1)[0] if grouped.any() else (0, 0)
    return usual if grouped.mean() >= GROUPED and often >= equal * grouped.sum() else 0


def _groups(rows: torch.Tensor, least: float) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(n,) members of the group of each row, 1 where it has none, and (n, 12) its nearest rows."""
    near = [torch.cdist(part, rows).topk(min(NEIGHBOURS + 1, len(rows)), dim=1, largest=False) for part in rows.split(512)]
    far, place = torch.cat([n.values for n in near])[:, 1:], torch.cat([n.indices for n in near])
    own = torch.arange(len(rows))[:, None]
    place = torch.stack([row[row != number][:NEIGHBOURS] for row, number in zip(place, own, strict=True)])
    floor = 1e-6 * far.median().clamp(min=1e-12)  # of copies to the last bit, which are told elsewhere
    steps = far[:, 1:] / torch.maximum(far[:, :-1], floor)
    gap = steps.max(1)
    size = torch.where((gap.values >= least) & (far[:, 0] > floor), gap.indices + 2, 1)
    return size.numpy(), place.numpy()
