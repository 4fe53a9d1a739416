"""The Kolmogorov-Smirnov distance of many columns at once, and what it reaches by chance."""

from __future__ import annotations

import math

import numpy

DRAWS = 24  # random parts of a population
SIGMAS = 4.0  # above their mean
MOST_DRAWN = 100_000_000  # members; of more, chance plays no part


def distances(train: numpy.ndarray, val: numpy.ndarray, weights: numpy.ndarray | None = None) -> numpy.ndarray:
    """(D,) largest distance between the cumulative distributions of every column; NaN counts as missing.

    Args:
        train: (n, D).
        val: (m, D).
        weights: (n,) of the rows of train, None: all the same.
    """
    return numpy.array([distance(train[:, i], val[:, i], weights) for i in range(train.shape[1])])


def distance(train: numpy.ndarray, val: numpy.ndarray, weights: numpy.ndarray | None = None) -> float:
    """Of one column; 0 where one of them has no numbers."""
    known, ours = numpy.isfinite(train), numpy.sort(val[numpy.isfinite(val)])
    theirs = train[known]
    if not len(theirs) or not len(ours):
        return 0.0
    order = numpy.argsort(theirs, kind="stable")
    theirs = theirs[order]
    mass = numpy.ones(len(theirs)) if weights is None else weights[known][order]
    steps = numpy.concatenate([[0.0], numpy.cumsum(mass)]) / max(mass.sum(), 1e-300)
    at = numpy.concatenate([theirs, ours])
    return float(numpy.abs(steps[numpy.searchsorted(theirs, at, "right")] - numpy.searchsorted(ours, at, "right") / len(ours)).max())


def chance(n: float, m: float, probability: float) -> float:
    """The distance that two samples of one continuous distribution exceed with this probability. Smirnov (1948)."""
    if n < 1 or m < 1:
        return 1.0
    return min(1.0, math.sqrt(-math.log(probability / 2) / 2 * (n + m) / (n * m)))


def variation(a: numpy.ndarray, b: numpy.ndarray) -> float:
    """Total variation of two distributions given as counts over the same categories."""
    return float(numpy.abs(a / max(a.sum(), 1) - b / max(b.sum(), 1)).sum() / 2)


def chance_variation(counts: numpy.ndarray, n: int, m: int) -> float:
    """The total variation of two random parts of a population with these counts, of n and m members, that few exceed."""
    whole = counts.astype(numpy.int64)
    if n < 1 or m < 1 or whole.sum() != n + m or n + m > MOST_DRAWN:
        shares = counts / max(counts.sum(), 1)
        return float(min(1.0, SIGMAS * numpy.sqrt(shares * (1 - shares) * (1 / max(n, 1) + 1 / max(m, 1))).sum() / 2))
    random = numpy.random.default_rng(0)
    part, size = (whole, min(n, m))
    drawn = [random.multivariate_hypergeometric(part, size, method="marginals") for _ in range(DRAWS)]
    far = [variation(one.astype(float), (whole - one).astype(float)) for one in drawn]
    return float(min(1.0, numpy.mean(far) + SIGMAS * numpy.std(far)))
