"""Whether two independent samples may well be the same: four binary columns repeat, photographs do not."""

from __future__ import annotations

import math
from collections import Counter

import numpy

from nbdebug.data.between.vectors import evenly, table, unpadded
from nbdebug.data.split import FieldData, Split

ROWS = 2000  # that are looked at
PLACES = 64  # columns, or pixels, of them
SLACK = 10  # bits to spare: one coincidence in a thousand data sets like this
DEPENDENCE = 2  # columns hang together, so their bits count half; our choice: iris has 16 bits, wine above 60
FEWEST_COPIED = 30  # samples with a copy, of which more can be asked
APART = 10.0  # bits between samples that say much and samples that say little: by chance the former repeat a thousand times less often
STEADY = 0.5  # of the share of copies among those that say little, below which that of the others has fallen; our choice
WHOLE = 0.9  # of the rows equal in one field that must be equal in all of them
ALONE = 0.1  # of the pairs of equal rows, below which a column does not agree by itself; by chance it agrees more often than all columns together
DISTINCT = 0.25  # share of different samples below which a rule made them, and not nature


def by_chance(split: Split, distinct: float, *, once: bool = False) -> bool:
    """Whether repeats are what such data gives by itself.

    Args:
        distinct: different samples over all samples.
        once: judged less strictly, for what is only worth knowing: equal rows count once, so that copies do not speak for themselves, and
            columns count in full. Data of a few frequent rows then looks richer than it is.
    """
    needed = (1 if once else DEPENDENCE) * math.log2(max(2, split.samples) ** 2) + SLACK
    return distinct < DISTINCT or sum(bits(field, once=once) for field in split.fields if field.role == "input") < needed


def bits(field: FieldData, *, once: bool = False) -> float:
    """Information in one sample, as if its columns were independent: -log2 of how often two samples agree in a column."""
    if isinstance(field.sample, list):
        return _bits_of_list(field)
    values = _pixels(field) if field.kind == "image" else table(field)
    if values is None or len(values) < 2:
        return 0.0
    values = numpy.unique(values, axis=0) if once else values
    if len(values) < 2:
        return 0.0
    columns = numpy.unique(numpy.linspace(0, values.shape[1] - 1, min(PLACES, values.shape[1])).astype(int))
    return sum(_column(values[:ROWS, column]) for column in columns)


def _pixels(field: FieldData) -> numpy.ndarray | None:
    """(K, D) of thumbnails: the cell at the middle of each pixel, so that few pixels count as in a table; those of larger images as they are."""
    thumbs = field.sample
    if not isinstance(thumbs, numpy.ndarray) or thumbs.ndim != 4 or not len(thumbs):
        return None
    cells = thumbs.shape[1]
    high, wide = max(getattr(field.facts, "sizes", {}), default=(cells, cells))
    rows, columns = (((numpy.arange(min(size, cells)) + 0.5) * cells / min(size, cells)).astype(int) for size in (high, wide))
    return thumbs[evenly(len(thumbs), ROWS)][:, rows][:, :, columns].reshape(min(len(thumbs), ROWS), -1)


def _column(values: numpy.ndarray) -> float:
    counts = numpy.unique(values, return_counts=True)[1].astype(float)
    pairs = len(values) * (len(values) - 1.0)
    return -math.log2(max((counts * (counts - 1)).sum(), 1.0) / pairs)


def _bits_of_list(field: FieldData) -> float:
    entries = [entry for entry in field.sample[:ROWS] if entry is not None]
    if not entries:
        return 0.0
    if isinstance(entries[0], str):
        parts: list = [word for text in entries for word in text.split()]
        lengths = [len(text.split()) for text in entries]
    else:
        arrays = [unpadded(field, entry)[:512] for entry in entries]
        parts, lengths = numpy.concatenate(arrays).tolist(), [len(array) for array in arrays]
    if len(parts) < 3:
        return 0.0
    whole, length = numpy.array([hash(part) for part in parts[: 100 * ROWS]]), float(numpy.median(lengths))
    alone, after = _column(whole), _column(whole[:-1] * 1_000_003 + whole[1:])  # of a part, and of two in a row
    return min(length * alone, alone + max(0.0, length - 1) * max(0.0, after - alone))  # where the next follows from the last, little is new


def fall_with_information(field: FieldData, copied: numpy.ndarray) -> bool | None:
    """Whether the samples that say most repeat much less often than those that say little, as they do where they repeat by chance.

    Args:
        copied: (K,) bool, of the sampled rows: it has a copy.

    Returns:
        None where samples do not differ in how much they say, or too few were copied.
    """
    entries = field.sample if isinstance(field.sample, list) else None
    if entries is None or len(entries) != len(copied) or copied.sum() < FEWEST_COPIED:
        return None
    parts = [entry.split() if isinstance(entry, str) else unpadded(field, entry).tolist() if entry is not None else [] for entry in entries]
    counts = Counter(part for entry in parts for part in entry)
    total = counts.total()
    said = numpy.array([sum(math.log2(total / counts[part]) for part in entry) for entry in parts])
    order = numpy.argsort(said, kind="stable")
    low, high = copied[order[: len(order) // 3]].mean(), copied[order[-(len(order) // 3) :]].mean()
    if numpy.quantile(said, 0.85) - numpy.quantile(said, 0.15) < APART:
        return None
    return bool(high < STEADY * low)


def agree_only_together(field: FieldData, copied: numpy.ndarray) -> bool:
    """Whether some column takes one value in rows that are equal altogether, and hardly ever in rows that are not.

    Args:
        copied: (K,) bool, of the sampled rows: the whole sample has a copy.
    """
    values = table(field)
    if values is None or len(values) != len(copied):
        return False
    rows, inverse, counts = numpy.unique(values, axis=0, return_inverse=True, return_counts=True)
    again = counts[inverse.reshape(-1)] > 1
    equal = int((counts * (counts - 1)).sum())
    if again.sum() < FEWEST_COPIED or copied[again].mean() < WHOLE:
        return False
    return any(_agreeing(rows[:, column]) < ALONE * equal for column in range(rows.shape[1]))


def _agreeing(values: numpy.ndarray) -> int:
    counts = numpy.unique(values, return_counts=True)[1]
    return int((counts * (counts - 1)).sum())
