"""How well many columns together predict the target: the better of a linear model and the nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

ROWS = 600
NEIGHBOURS = 9
PENALTIES = (0.1, 1.0, 10.0, 100.0)  # of the ridge, in units of the mean square of a row
PERMUTATIONS = 30
CLEAR = 4.0  # standard deviations above the mean of permuted targets


@dataclass(frozen=True)
class Together:
    """0 is chance, 1 is perfect; each row is predicted from all others."""

    power: float
    chance: float  # the most that permuted targets gave
    mean: float = 0.0  # of what they gave
    deviation: float = 0.0

    @property
    def says_something(self) -> bool:
        """Whether these columns know anything of the target."""
        return self.power > self.chance and self.power - self.mean > CLEAR * max(self.deviation, 0.01)


def together(values: numpy.ndarray, target: numpy.ndarray, classes: bool) -> Together:
    """What columns (n, D) together know of class numbers or quantities (n,)."""
    random = numpy.random.default_rng(0)
    if len(target) > ROWS:
        rows = random.choice(len(target), ROWS, replace=False)
        values, target = values[rows], target[rows]
    prepared = standardised(values)
    if not prepared.shape[1]:
        return Together(0.0, 0.0)
    if classes:
        target = numpy.unique(target, return_inverse=True)[1].reshape(-1)
    model = _Model(prepared)
    permuted = [model.power(random.permutation(target), classes) for _ in range(PERMUTATIONS)]
    return Together(model.power(target, classes), max(permuted), float(numpy.mean(permuted)), float(numpy.std(permuted)))


def standardised(values: numpy.ndarray) -> numpy.ndarray:
    """(n, D') finite columns of mean 0 and deviation 1, those that are constant left out, missing ones marked."""
    known = numpy.isfinite(values)
    n = numpy.maximum(known.sum(0), 1)
    with numpy.errstate(all="ignore"):
        mean = numpy.where(known, values, 0.0).sum(0) / n
        centred = numpy.where(known, values - mean, 0.0)
        both = numpy.concatenate([centred, (~known).astype(float) - (~known).mean(0)], axis=1)
        deviation = numpy.sqrt((both**2).mean(0))
        scaled = both / deviation
    return numpy.clip(scaled[:, numpy.isfinite(scaled).all(0) & (deviation > 0)], -10.0, 10.0)


class _Model:
    """Both models of one table, made once for all targets."""

    def __init__(self, table: numpy.ndarray) -> None:
        self.vectors, singular, _ = numpy.linalg.svd(table, full_matrices=False)  # (n, r)
        self.eigenvalues = singular**2
        products = table @ table.T  # (n, n)
        squares = numpy.diag(products)
        self.unit = max(float(squares.mean()), 1e-12)
        distance = squares[:, None] + squares - 2 * products
        numpy.fill_diagonal(distance, numpy.inf)
        self.nearest = numpy.argpartition(distance, min(NEIGHBOURS, len(table) - 1) - 1, axis=1)[:, :NEIGHBOURS]

    def power(self, target: numpy.ndarray, classes: bool) -> float:
        wanted = numpy.eye(int(target.max()) + 1)[target] if classes else target[:, None]
        if classes:
            wanted = wanted / wanted.sum(0)  # each class counts the same
        wanted = wanted - wanted.mean(0)
        answers = [self._ridge(wanted, penalty * self.unit) for penalty in PENALTIES] + [wanted[self.nearest].mean(1)]
        return max(0.0, *(_score(answer, wanted, target, classes) for answer in answers))

    def _ridge(self, wanted: numpy.ndarray, penalty: float) -> numpy.ndarray:
        """Each row as the fit to all others predicts it. Allen, PRESS (1974)."""
        shrink = self.eigenvalues / (self.eigenvalues + penalty)
        fitted = self.vectors @ (shrink[:, None] * (self.vectors.T @ wanted))
        leverage = (self.vectors**2 @ shrink)[:, None]
        return (fitted - leverage * wanted) / numpy.maximum(1 - leverage, 1e-9)


def _score(answer: numpy.ndarray, wanted: numpy.ndarray, target: numpy.ndarray, classes: bool) -> float:
    if not classes:
        return float(1 - ((answer - wanted) ** 2).sum() / max(float((wanted**2).sum()), 1e-300))
    count = wanted.shape[1]
    right = answer.argmax(1) == target
    recall = numpy.bincount(target, right, minlength=count) / numpy.bincount(target, minlength=count)
    return float((recall.mean() - 1 / count) / (1 - 1 / count))
