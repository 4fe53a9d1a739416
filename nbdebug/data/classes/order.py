"""Do the labels come in random order? Judged by what every gradient sees: the labels that share a batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SMALL_BATCH = 8  # below this many samples a batch, neighbours are grouped instead
GROUP = 32  # samples that are then taken together
LONGEST = 20_000  # labels looked at


@dataclass(frozen=True)
class Order:
    """How often two samples of one batch share their label."""

    delivered: float  # share of pairs, 0..1
    random: float  # the same if the samples came in random order
    sorted: float  # the same if they came sorted by label
    z: float  # (delivered - random) in standard deviations of a random order
    one_by_one: bool = False  # one label comes after the other, each but once, as far as was looked


def label_order(labels: Tensor, batches: Tensor) -> Order | None:
    """Compares the pairs of one batch that share a label with a random order of the same labels.

    Args:
        labels: (N,) as delivered.
        batches: (N,) the batch each came in.

    Returns:
        None where order cannot matter: a single batch, a single label, or all labels different.
    """
    labels, batches = labels[:LONGEST], batches[:LONGEST]
    if len(labels) < 2:
        return None
    if len(labels) < SMALL_BATCH * int(batches.max() + 1):
        batches = torch.arange(len(labels)) // GROUP
    _, classes = labels.unique(return_inverse=True)
    groups = torch.bincount(batches).tolist()
    mean, deviation = same_label_pairs(torch.bincount(classes).tolist(), groups)
    pairs = sum(size * (size - 1) // 2 for size in groups)
    if len(groups) < 2 or deviation == 0:
        return None
    delivered = _same_pairs(classes, batches)
    in_order = _same_pairs(classes.sort().values, batches)
    runs = 1 + int((classes[1:] != classes[:-1]).sum())
    return Order(delivered / pairs, mean / pairs, in_order / pairs, (delivered - mean) / deviation, runs <= int(classes.max()) + 1)


def same_label_pairs(classes: list[int], groups: list[int]) -> tuple[float, float]:
    """Mean and standard deviation, over all orders of the labels, of the pairs of one group that share a label.

    Exact, from the chances that two, three, or two times two samples share a label: with S the number of such
    pairs, E[S²] = M·p2 + A·p3 + (M² - M - A)·p22, for M pairs and A ordered pairs of pairs with a common sample.

    Args:
        classes: samples of each label.
        groups: samples of each group.
    """
    n = sum(classes)
    if n < 4:
        return 0.0, 0.0
    two = [k * (k - 1) for k in classes]
    p2 = sum(two) / (n * (n - 1))
    p3 = sum(k * (k - 1) * (k - 2) for k in classes) / (n * (n - 1) * (n - 2))
    four = sum(k * (k - 1) * (k - 2) * (k - 3) for k in classes) + sum(two) ** 2 - sum(t * t for t in two)
    p22 = four / (n * (n - 1) * (n - 2) * (n - 3))
    pairs = sum(g * (g - 1) // 2 for g in groups)
    touching = sum(g * (g - 1) * (g - 2) for g in groups)
    variance = pairs * p2 + touching * p3 + (pairs * pairs - pairs - touching) * p22 - (pairs * p2) ** 2
    return pairs * p2, math.sqrt(variance) if variance > 1e-9 * max(1.0, pairs * p2) else 0.0


def _same_pairs(classes: Tensor, groups: Tensor) -> float:
    kinds = int(classes.max()) + 1
    sizes = (groups * kinds + classes).unique(return_counts=True)[1]
    return float((sizes * (sizes - 1) // 2).sum())
