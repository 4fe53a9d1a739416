"""Where the sampled rows stand in their dataset: once each, in dataset order, with the labels of their neighbours in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.classes.target import Target
from nbdebug.data.split import Split

SHIFTS = (-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5)
NARROW = (-1, 0, 1)  # where only few rows have all of their neighbours among the sampled ones
ENOUGH = 100  # rows that have them


@dataclass(frozen=True)
class Places:
    """The rows of a split in dataset order."""

    rows: numpy.ndarray  # (n,) rows of the sample, each dataset index once
    index: numpy.ndarray  # (n,) their places in the dataset, rising


def places(split: Split, target: Target) -> Places:
    """Of the sampled rows that have a label."""
    index = original(split)
    known = numpy.flatnonzero(target.known)
    _, first = numpy.unique(index[known], return_index=True)  # sorted by place
    rows = known[first]
    return Places(rows, index[rows])


def original(split: Split) -> numpy.ndarray:
    """(K,) places in the dataset; of a Subset, those in the dataset that it was drawn from."""
    index, dataset = numpy.asarray(split.ids), split.dataset
    while split.by_index and hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        index, dataset = numpy.asarray(dataset.indices)[index], dataset.dataset
    return index


def innermost(split: Split) -> Any:
    """The dataset itself, of a Subset the one that it was drawn from; None of a stream."""
    dataset = split.dataset
    while split.by_index and hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    return dataset if split.by_index else None


def spread(rows: numpy.ndarray, most: int) -> numpy.ndarray:
    """At most this many of them, from everywhere, in order; not at equal distances, which a period could fall in with."""
    if len(rows) <= most:
        return rows
    return numpy.sort(numpy.random.default_rng(0).choice(rows, most, replace=False))


def beside(found: Places, shifts: tuple[int, ...]) -> tuple[numpy.ndarray, dict[int, numpy.ndarray]]:
    """Positions into `found` whose places have all of these neighbours, and by shift the positions of those neighbours."""
    at = {shift: numpy.searchsorted(found.index, found.index + shift) for shift in shifts}
    there = numpy.ones(len(found.index), bool)
    for shift, position in at.items():
        inside = position < len(found.index)
        hit = numpy.zeros(len(there), bool)
        hit[inside] = found.index[position[inside]] == found.index[inside] + shift
        there &= hit
    base = numpy.flatnonzero(there)
    return base, {shift: position[base] for shift, position in at.items()}
