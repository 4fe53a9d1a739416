"""Do inputs and labels belong together? Two simple learners guess each label from the other samples.

The k nearest neighbours, and ridge regression with its leave-one-out residuals in closed form (Allen 1974; Golub, Heath and Wahba
1979). What they get right by accident is known from the same guesses of permuted labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

NEIGHBOURS = 10
RIDGE = 0.1  # of the mean squared length of a sample
PERMUTATIONS = 20
SAME = 1e-9  # squared distance, as a share of the mean one, below which two samples are one
ALONGSIDE = 5  # rows before and after in dataset order that are no evidence: two frames of one film


@dataclass(frozen=True)
class Agreement:
    """How well the labels can be told from the inputs of other samples."""

    correlation: float  # of guess and label, -1..1; of the better of the two learners
    z: float  # standard deviations above that of permuted labels
    learner: str  # "neighbours" or "linear"


class Probe:
    """Knows the inputs; may be asked about as many labellings of them as one likes."""

    def __init__(self, inputs: Tensor, order: numpy.ndarray | None = None) -> None:
        """(n, D) inputs; `order` (n,) are the places in the dataset of which near ones are left out as neighbours."""
        self.inputs = inputs
        self.near = nearest(inputs, NEIGHBOURS, order)  # (n, k)
        centred = inputs - inputs.mean(0)
        ridge = RIDGE * float(centred.square().sum(1).mean()) + 1e-12
        if centred.shape[1] < len(centred):  # hat = left @ right
            identity = torch.eye(centred.shape[1], dtype=inputs.dtype)
            self.left, self.right = centred, torch.linalg.solve(centred.T @ centred + ridge * identity, centred.T)
        else:
            gram = centred @ centred.T
            identity = torch.eye(len(centred), dtype=inputs.dtype)
            self.left, self.right = torch.linalg.solve(gram + ridge * identity, gram), identity
        self.own = ((self.left * self.right.T).sum(1) + 1 / len(inputs)).clamp(max=1 - 1e-9)  # (n,) the hat's diagonal, with an intercept

    def guesses(self, answers: Tensor) -> dict[str, Tensor]:
        """(n, C) for each learner, every row guessed without its own answer."""
        fitted = self.left @ (self.right @ answers) + answers.mean(0)
        linear = (fitted - self.own[:, None] * answers) / (1 - self.own[:, None])
        return {"neighbours": _mean_of(answers, self.near), "linear": linear}

    def by_chance(self, answers: Tensor) -> tuple[float, float]:
        """Mean and deviation of the better learner's correlation, over permutations of these labels."""
        generator = torch.Generator().manual_seed(0)
        mixed = torch.cat([answers[torch.randperm(len(answers), generator=generator)] for _ in range(PERMUTATIONS)], 1)  # all at once
        found = torch.stack([correlations(guess, mixed, PERMUTATIONS) for guess in self.guesses(mixed).values()]).amax(0)
        floor = 0.5 / (len(answers) * max(1, answers.shape[1] - 1)) ** 0.5  # a handful of permutations may lie close by accident
        return float(found.mean()), max(float(found.std()), floor)

    def agreement(self, answers: Tensor, by_chance: tuple[float, float] | None = None) -> Agreement:
        """(n, C) answers: one column a class, or one of a quantity; `by_chance` where it is known from labels alike."""
        found = {name: correlation(guess, answers) for name, guess in self.guesses(answers).items()}
        learner = max(found, key=lambda name: found[name])
        mean, deviation = by_chance or self.by_chance(answers)
        return Agreement(found[learner], (found[learner] - mean) / deviation, learner)


def nearest(inputs: Tensor, k: int, order: numpy.ndarray | None = None) -> Tensor:
    """(n, k) rows nearest to each, itself and its exact copies left out."""
    squared = torch.cdist(inputs, inputs).square()
    squared[squared <= SAME * squared.mean()] = float("inf")
    if order is not None:
        places = torch.as_tensor(order)
        squared[(places[:, None] - places[None, :]).abs() <= ALONGSIDE] = float("inf")
    squared.fill_diagonal_(float("inf"))
    return squared.topk(min(k, len(inputs) - 1), largest=False).indices


def farther(asked: Tensor, known: Tensor) -> float:
    """By how many standard deviations (m, D) rows lie farther from the nearest of (n, D) others than those from each other.

    About 0 where both are drawn alike. Not so where the others come in groups (copies of one sample, rows of one patient): what
    they tell of each other they tell of no new row. Mann and Whitney (1947).
    """
    within, beyond = torch.cdist(known, known).square(), torch.cdist(asked, known).square()
    within.fill_diagonal_(float("inf"))
    within, beyond = (part.masked_fill(part <= SAME * beyond.mean(), float("inf")).amin(1) for part in (within, beyond))
    ranked, n, m = within.sort().values, len(within), len(beyond)
    below = (torch.searchsorted(ranked, beyond) + torch.searchsorted(ranked, beyond, right=True)).double().mean() / (2 * n)
    return float(below - 0.5) / ((n + m + 1) / (12 * n * m)) ** 0.5


def across(known: Tensor, answers: Tensor, asked: Tensor) -> dict[str, Tensor]:
    """(m, C) guesses for (m, D) other samples, by each learner, from (n, D) and their (n, C) answers."""
    squared = torch.cdist(asked, known).square()
    squared[squared <= SAME * squared.mean()] = float("inf")
    near = squared.topk(min(NEIGHBOURS, len(known)), largest=False).indices
    mean, base = known.mean(0), answers.mean(0)
    centred = known - mean
    ridge = RIDGE * float(centred.square().sum(1).mean()) + 1e-12
    if centred.shape[1] < len(centred):
        weights = torch.linalg.solve(centred.T @ centred + ridge * torch.eye(centred.shape[1], dtype=known.dtype), centred.T @ (answers - base))
    else:
        weights = centred.T @ torch.linalg.solve(centred @ centred.T + ridge * torch.eye(len(centred), dtype=known.dtype), answers - base)
    return {"neighbours": _mean_of(answers, near), "linear": (asked - mean) @ weights + base}


def _mean_of(answers: Tensor, near: Tensor) -> Tensor:
    """(n, C) of the answers of (n, k) neighbours, one neighbour after the other: (n, k, C) would be large."""
    total = answers[near[:, 0]]
    for column in near.T[1:]:
        total += answers[column]
    return total / near.shape[1]


def correlation(guess: Tensor, answers: Tensor) -> float:
    """Of all entries together, each column about its mean; 0 where one of them does not vary."""
    return float(correlations(guess, answers, 1))


def correlations(guess: Tensor, answers: Tensor, many: int) -> Tensor:
    """(many,) of as many labellings that stand beside each other, (n, many * C)."""
    a, b = ((part - part.mean(0)).view(len(part), many, -1) for part in (guess, answers))
    size = (a.square().sum((0, 2)) * b.square().sum((0, 2))).sqrt()
    return ((a * b).sum((0, 2)) / size.clamp(min=1e-12)).where(size > 1e-12, torch.tensor(0.0, dtype=guess.dtype))


def shares(guess: Tensor, answers: Tensor) -> Tensor:
    """(n,) what each row adds to the correlation, times n; so that their mean is the correlation."""
    a, b = guess - guess.mean(0), answers - answers.mean(0)
    size = float(a.norm() * b.norm())
    return (a * b).sum(1) * (len(a) / size) if size > 1e-12 else torch.zeros(len(a), dtype=guess.dtype)
