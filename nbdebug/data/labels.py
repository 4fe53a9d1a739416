"""Are these targets labels of classes, or amounts of something? Asked of how often each value occurs."""

from __future__ import annotations

import numpy

FEW = 20  # different values, or the numbers 0..19, are classes whatever else holds; our choice: digits and letters are, ages are not
DENSE = 0.5  # share of the numbers between the lowest and the highest that occur: labels leave few out
EXPECTED = 0.4  # of the different values that as many draws from as many classes would give
MOST = 200_000  # classes; the largest label sets in use (ImageNet-21k, extreme classification) stay below
IGNORED = (-1, -100)  # the usual marks of a label that does not count
UNIQUE = 0.9  # different values a sample, from where on they are numbers of the samples


def are_classes(values: numpy.ndarray, counts: numpy.ndarray, dtype: str, *, missing: bool = False) -> bool:
    """Whether numbers are class labels.

    Args:
        values: (K,) the different values, without NaN.
        counts: (K,) how often each occurs.
        dtype: as delivered. A float is an amount, but for two values such as 0.0 and 1.0, and for whole numbers that share
            their column with NaN, which no integer column can hold.
        missing: whether there was a NaN.
    """
    if not len(values):
        return False
    if dtype == "bool":
        return True
    values = values.astype(numpy.float64)
    if not numpy.all(values == numpy.floor(values)):
        return False
    order = numpy.argsort(values)
    values, counts = values[order], numpy.asarray(counts)[order]
    if dtype.lower().startswith(("float", "bfloat", "half", "double")):
        pair = len(values) <= 2 and set(values.tolist()) <= {-1.0, 0.0, 1.0, 2.0}
        return pair or (missing and len(values) <= FEW and _from_the_start(values))
    return _from_the_start(values) or _a_few(values, counts) or _like_draws(values, counts)


def _counted(values: numpy.ndarray) -> numpy.ndarray:
    return values[~numpy.isin(values, IGNORED)] if len(values) > len(IGNORED) else values


def _from_the_start(values: numpy.ndarray) -> bool:
    """0, 1, 2, … or 1, 2, 3, … up to a small number."""
    values = _counted(values)
    return bool(len(values)) and -1 <= values[0] <= 1 and values[-1] <= FEW


def _a_few(values: numpy.ndarray, counts: numpy.ndarray) -> bool:
    return 2 <= len(values) <= FEW and counts.sum() >= 10 * len(values)


def _like_draws(values: numpy.ndarray, counts: numpy.ndarray) -> bool:
    """Many labels that begin at 0 or 1: nearly all of them occur, or as many as so few draws can show."""
    kept = ~numpy.isin(values, IGNORED)
    values, counts = values[kept], counts[kept]
    if not len(values) or values[0] < 0 or values[-1] > MOST:
        return False
    draws, classes = float(counts.sum()), values[-1] + 1
    begins = values[0] <= max(1.0, 5 * classes / len(values)) if len(values) < DENSE * classes else values[0] <= 1
    dense = len(values) / (values[-1] - values[0] + 1) >= DENSE
    if dense and len(values) >= UNIQUE * draws and draws > FEW:
        return False  # every sample has its own: a number of the sample
    expected = classes * -numpy.expm1(draws * numpy.log1p(-1 / classes)) if classes > 1 else 1.0
    return bool(begins and (dense or len(values) >= EXPECTED * expected))
