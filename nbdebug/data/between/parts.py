"""Parts of train that hang together, as the rows of one subject, site or day do.

A split by subject takes whole parts out of the data, and then val differs from train by as much as one part differs from the others. So what
is held against val is not only what random rows give: blocks of train as its rows lie, and groups that lie apart from each other.
"""

from __future__ import annotations

import numpy
import torch

from nbdebug.data.between.ks import chance
from nbdebug.data.between.vectors import evenly
from nbdebug.data.split import Split

PLACES = 32  # blocks of the size of val
QUARTERS = 4  # and of these
GROUPED = "parts of train differ as much among themselves, as those of one subject, site or day do"
FEWEST = 8  # rows of a part
AS_MUCH = 0.5  # of what val differs by, from which on a part of train differs as much; our choice
SURELY = 1e-5  # of random parts may differ by so much
CELLS, STEPS, TRIED, REFERENCES, ROWS = (4, 8, 12, 24), 8, 3, 2, 800  # of k-means
DIMENSIONS = 10  # principal components
CLOSER, FLAT, FLATTER = 0.92, 4, 0.88  # of the variance that k-means leaves of independent rows; below 4 dimensions, where it varies more.
# Our choice: of 60 sets of independent rows, bells and skewed ones, it left 0.934 and more, and 0.909
COLUMNS, SHARE, LOOKED_AT = 3, 0.25, 32  # columns in which parts must differ so, and their share of those that are looked at; our choice
FEW_VALUES = 10  # of a column, which make groups by themselves


def blocks(count: int, share: float) -> numpy.ndarray:
    """(B, count) bool: runs of rows of this share of all, at many places, and quarters."""
    found = [numpy.arange(count) * QUARTERS // max(1, count) == i for i in range(QUARTERS)]
    size = int(numpy.clip(round(count * share), FEWEST, max(FEWEST, count // 2)))
    for start in evenly(max(1, count - size + 1), PLACES):
        at = numpy.arange(count)
        found.append((at >= start) & (at < start + size))
    return numpy.array([part for part in found if FEWEST <= part.sum() <= count - FEWEST], bool).reshape(-1, count)


def differ_by(values: numpy.ndarray, parts: numpy.ndarray) -> tuple[float, bool]:
    """The largest Kolmogorov-Smirnov distance of a part of one column to the rest of it, and whether chance does not reach it.

    Args:
        values: (n,), NaN is left out.
        parts: (B, n) bool.
    """
    known = numpy.isfinite(values)
    values, parts = values[known], parts[:, known]
    sizes = parts.sum(1)
    parts, sizes = parts[(sizes >= FEWEST) & (sizes <= len(values) - FEWEST)], sizes[(sizes >= FEWEST) & (sizes <= len(values) - FEWEST)]
    if not len(parts):
        return 0.0, False
    order = numpy.argsort(values, kind="stable")
    ends = numpy.append(numpy.diff(values[order]) > 0, True)
    inside = parts[:, order].cumsum(1)[:, ends]
    outside = numpy.arange(1, len(values) + 1)[ends] - inside
    far = numpy.abs(inside / sizes[:, None] - outside / (len(values) - sizes)[:, None]).max(1)
    beyond = [far[i] > chance(int(size), int(len(values) - size), SURELY / len(parts)) for i, size in enumerate(sizes)]
    clear = far[beyond]
    return (float(clear.max()), True) if len(clear) else (float(far.max()), False)


def columns_apart(rows: numpy.ndarray, classes: numpy.ndarray | None, mixed: numpy.ndarray, share: float) -> numpy.ndarray:
    """(D',) of some columns, what the farthest part of each differs by from the rest; 0 where that may be chance.

    Args:
        rows: (n, D) in the order they lie in.
        classes: (n,) codes, whose means are taken off: rows may lie in the order of their classes.
        mixed: (G, n) bool, groups to look at beside the blocks.
        share: samples of val over those of train.
    """
    parts = numpy.concatenate([blocks(len(rows), share), mixed])
    found = []
    for column in rows.T[evenly(rows.shape[1], LOOKED_AT)]:
        far, beyond = differ_by(column if classes is None else _without(column, classes), parts)
        found.append(far if beyond else 0.0)
    return numpy.array(found)


def groups(rows: numpy.ndarray, classes: numpy.ndarray | None) -> numpy.ndarray:
    """(G, n) bool: groups of rows that lie closer together than independent ones do, whatever their class; (0, n) where there are none.

    The gap statistic: k-means leaves less of the variance than in rows of the same principal components, each of them shuffled. Tibshirani,
    Walther and Hastie, Estimating the number of clusters in a data set via the gap statistic (2001).

    Args:
        rows: (n, D).
        classes: (n,) codes; the means of the classes are taken off, or else the classes would be the groups.
    """
    none = numpy.zeros((0, len(rows)), bool)
    made = _prepared(rows, classes)
    if made is None:
        return none
    some = made[torch.from_numpy(evenly(len(made), ROWS))]
    random, best = numpy.random.default_rng(0), (CLOSER if made.shape[1] >= FLAT else FLATTER, none)
    for count in CELLS:
        if len(some) < FEWEST * count:
            break
        centres = _centres(some, count, random)
        ratio = _left(some, centres) / max(1e-300, numpy.mean([_left(one, _centres(one, count, random)) for one in _shuffled(some, random)]))
        if ratio < best[0]:
            cells = torch.cdist(made, centres).argmin(1).numpy()
            best = ratio, numpy.array([cells == one for one in numpy.unique(cells)], bool)
    return best[1]


def classes_of(train: Split, places: numpy.ndarray) -> numpy.ndarray | None:
    """(n,) class codes of these places of train's sample."""
    target = train.target()
    codes = target.sample if target is not None and target.kind == "classes" else None
    if not isinstance(codes, numpy.ndarray) or codes.ndim != 1 or len(codes) <= places.max(initial=0):
        return None
    return codes[places].astype(numpy.int64)


def _prepared(rows: numpy.ndarray, classes: numpy.ndarray | None) -> torch.Tensor | None:
    """(n, 10) principal components of the columns of many values, standardised."""
    rows = numpy.nan_to_num(rows.astype(numpy.float64), posinf=0.0, neginf=0.0)
    if len(rows) < FEWEST * CELLS[0]:
        return None
    rows = rows[:, [len(numpy.unique(column[:500])) > FEW_VALUES for column in rows.T]]
    spread = rows.std(0)
    rows = rows[:, spread > 0]
    if not rows.shape[1]:
        return None
    ranks = rows.argsort(0, kind="stable").argsort(0, kind="stable")
    made = torch.special.ndtri((torch.from_numpy(ranks) + 0.5) / len(rows)).numpy()  # bells: of skewed columns the components hang together
    if classes is not None:
        made = _without(made, classes)
    made = torch.from_numpy(made - made.mean(0))
    values, directions = torch.linalg.eigh(made.T @ made)
    return made @ directions[:, -DIMENSIONS:]


def _without(rows: numpy.ndarray, classes: numpy.ndarray) -> numpy.ndarray:
    """The rows less the means of their classes."""
    _, codes, counts = numpy.unique(classes, return_inverse=True, return_counts=True)
    sums = numpy.zeros((len(counts), *rows.shape[1:]))
    numpy.add.at(sums, codes, rows)
    return rows - (sums.T / counts).T[codes]


def _shuffled(rows: torch.Tensor, random: numpy.random.Generator) -> list[torch.Tensor]:
    return [torch.from_numpy(random.permuted(rows.numpy(), axis=0)) for _ in range(REFERENCES)]


def _left(rows: torch.Tensor, centres: torch.Tensor) -> float:
    """The variance within the cells."""
    return float(torch.cdist(rows, centres).amin(1).square().sum())


def _centres(rows: torch.Tensor, count: int, random: numpy.random.Generator) -> torch.Tensor:
    """Lloyd's k-means, the best of several from centres far from each other, as k-means++ draws them (Arthur and Vassilvitskii, 2007)."""
    tried = []
    for _ in range(TRIED):
        centres = _drawn(rows, count, random)
        for _ in range(STEPS):
            cells = torch.nn.functional.one_hot(torch.cdist(rows, centres).argmin(1), count).to(rows.dtype)
            size = cells.sum(0)[:, None]
            centres = torch.where(size > 0, cells.T @ rows / size.clamp(min=1), centres)
        tried.append(centres)
    return min(tried, key=lambda centres: _left(rows, centres))


def _drawn(rows: torch.Tensor, count: int, random: numpy.random.Generator) -> torch.Tensor:
    chosen = [int(random.integers(len(rows)))]
    far = torch.cdist(rows, rows[chosen]).square()[:, 0]
    for _ in range(count - 1):
        share = (far / far.sum().clamp(min=1e-300)).cumsum(0).numpy()
        chosen.append(int(min(len(rows) - 1, numpy.searchsorted(share, random.random()))))
        far = torch.minimum(far, torch.cdist(rows, rows[chosen[-1:]]).square()[:, 0])
    return rows[chosen]
