"""Inputs and labels that the text of the training shuffles by two draws: what order they had is gone, and nothing but the text tells it.

It is only asked where no label can be told from its input; and the variable must hold the labels of these very samples: as many as there are rows, of the
same classes, and where one alone was shuffled the other must be what the dataset gives out row by row.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy
import torch

from nbdebug.data.classes.held import same_labels
from nbdebug.data.classes.places import Places
from nbdebug.data.classes.probe import Agreement, Probe
from nbdebug.data.classes.target import Target
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.split import Split
from nbdebug.lines.shuffled import Apart, shuffled_apart
from nbdebug.source_lines import SourceLine

CHANCE = 4.0  # standard deviations above permuted labels below which labels go with nothing
DEEP = 4  # datasets in datasets
ENOUGH = 100  # samples
PARTS = 3  # times the samples of train and val together, that there may be: a test part, what was left out
LOOKED_UP = 20  # rows of what is no class and no number, that must be among the labels


@dataclass(frozen=True)
class Torn:
    """What was shuffled, where, and how little of it is left."""

    split: str
    inputs: str  # the names in the text
    targets: str
    both: bool  # each by a draw of its own; else the inputs alone
    line: SourceLine  # of the later draw, or of the only one
    first: int | None  # line of the other draw
    at_zero: Agreement


def torn(split: Split, target: Target, found: Places, most: int, other: Split | None) -> Torn | None:
    """None where labels can be told, or the text shuffles neither, or not these."""
    if target.kind not in ("classes", "quantity", "tags", "several") or not split.by_index or len(found.rows) < ENOUGH or not (asked := shuffled_apart()):
        return None
    samples = split.total or split.samples
    total = samples + (other.samples if other is not None and other.by_index else 0)
    known = [pair for one in asked if (pair := _known(one, split, target, found, (samples, total))) is not None]
    if not known:
        return None
    rows = found.rows[:most]
    encoded = vectors((split, rows))
    if encoded is None:
        return None
    at_zero = Probe(encoded[0], found.index[:most]).agreement(torch.from_numpy(target.answers(rows)))
    if at_zero.z >= CHANCE:
        return None
    (inputs, targets), apart = known[0]
    last = max((one for one in (apart.one, apart.other) if one is not None), key=lambda one: one.line.line)
    first = min(apart.one.line.line, apart.other.line.line) if apart.other is not None else None
    return Torn(split.name, inputs, targets, apart.other is not None, last.line, first, at_zero)


def _known(apart: Apart, split: Split, target: Target, found: Places, sizes: tuple[int, int]) -> tuple[tuple[str, str], Apart] | None:
    """The names of inputs and labels, where that is what they are, and nothing lies beside them in the same order that could be the other half of either."""
    if apart.dataset:
        fits = target.kind != "several" and apart.dataset in [type(one).__name__ for one in _datasets(split.dataset)[-1:]]
        return ((apart.one.name, apart.other.name), apart) if fits and apart.other is not None else None
    if apart.other is not None:
        for one, two in ((apart.one, apart.other), (apart.other, apart.one)):
            inputs, labels = _value(one.name, split), _values(_value(two.name, split))
            if _has_rows(inputs, labels, sizes) and _is_of(labels, target, split) and not _has_labels(inputs, apart, target, split, sizes):
                return (one.name, two.name), apart
        return None
    inputs = _value(apart.one.name, split)
    if _has_labels(inputs, apart, target, split, sizes):
        return None
    for name in apart.before:
        labels = _values(_value(name, split))
        if name != apart.one.name and _has_rows(inputs, labels, sizes) and _is_given_out(labels, split, target, found):
            return (apart.one.name, name), apart
    return None


def _has_labels(inputs: Any, apart: Apart, target: Target, split: Split, sizes: tuple[int, int]) -> bool:
    """Whether labels stand in the very order of the inputs; the order itself is none."""
    for name in apart.beside:
        labels = _values(_value(name, split))
        if _has_rows(inputs, labels, sizes) and _is_of(labels, target, split) and not _is_order(labels):
            return True
    return False


def _is_order(values: numpy.ndarray) -> bool:
    return values.ndim == 1 and values.dtype.kind in "iu" and numpy.array_equal(numpy.sort(values), numpy.arange(len(values)))


def _value(name: str, split: Split) -> Any:
    """What the script, or a dataset whose own name is `self`, holds under it; only looked up, never called."""
    first, *steps = name.replace("['", ".").replace("']", "").split(".")
    holders: Iterable[Any] = _datasets(split.dataset) if first == "self" else [vars(sys.modules["__main__"])]
    for holder in holders:
        held = vars(holder) if first == "self" else holder
        for step in steps if first == "self" else [first, *steps]:
            held = held.get(step) if isinstance(held, dict) else _column(held, step)
        if held is not None:
            return held
    return None


def _column(held: Any, step: str) -> Any:
    if hasattr(held, "columns"):
        return held[step] if step in held.columns else None
    return held if step in ("values", "data") else None


def _datasets(dataset: Any) -> list[Any]:
    found: list[Any] = []
    while len(found) < DEEP and hasattr(dataset, "__dict__"):
        found.append(dataset)
        dataset = vars(dataset).get("dataset")
    return found


def _values(held: Any) -> numpy.ndarray | None:
    """(n, …) numbers, or names."""
    if isinstance(held, torch.Tensor):
        return held.detach().cpu().numpy() if held.layout is torch.strided and held.dtype is not torch.bfloat16 else None
    if isinstance(held, (list, tuple)):
        plain = bool(held) and all(isinstance(entry, (int, float, str, numpy.number)) for entry in held)
        return numpy.asarray(held) if plain else _stacked(held)
    if hasattr(held, "to_numpy"):
        held = held.to_numpy()
        held = held.astype(str) if held.dtype.kind == "O" and held.ndim == 1 else held
    return held if isinstance(held, numpy.ndarray) and held.ndim and held.dtype.kind in "iufbU" else None


def _stacked(held: list | tuple) -> numpy.ndarray | None:
    """Arrays of one shape."""
    if not held or not all(isinstance(entry, (numpy.ndarray, torch.Tensor)) for entry in held) or len({tuple(entry.shape) for entry in held}) != 1:
        return None
    return numpy.stack([numpy.asarray(entry) for entry in held])


def _has_rows(inputs: Any, labels: numpy.ndarray | None, sizes: tuple[int, int]) -> bool:
    """Whether both have a row for each sample, and the inputs hold no pairs of both, nor mere places."""
    if inputs is None or labels is None or not hasattr(inputs, "__len__") or len(inputs) != len(labels) or not sizes[0] <= len(labels) <= PARTS * max(sizes):
        return False
    if isinstance(inputs, (list, tuple)) and isinstance(inputs[0], (tuple, list, dict, int)):
        return False
    values = _values(inputs)
    return values is None or values.ndim > 1 or values.dtype.kind in "fU"


def _is_of(labels: numpy.ndarray, target: Target, split: Split) -> bool:
    """Whether they can be the labels by what they are: so many classes, as many tags, a quantity, or anything with several numbers."""
    if target.kind == "classes":
        return labels.ndim == 1 and len(numpy.unique(labels)) == len(target.names)
    if target.kind == "tags":
        return labels.ndim == 2 and labels.shape[1] == target.values.shape[1]
    if target.kind == "quantity":
        return labels.size == len(labels) and labels.dtype.kind in "iuf"
    known = {row.tobytes() for row in labels.reshape(len(labels), -1).astype(numpy.float32)} if labels.dtype.kind in "iufb" else set()
    rows = split.named(target.name).sample[:LOOKED_UP]
    return all(numpy.asarray(row, numpy.float32).reshape(-1).tobytes() in known for row in rows)


def _is_given_out(labels: numpy.ndarray, split: Split, target: Target, found: Places) -> bool:
    """Whether the dataset gives out these labels, each in its place."""
    if not _is_of(labels, target, split):
        return False
    own = target.values if target.codes is None else target.codes
    for place in (found.index, numpy.asarray(split.ids)[found.rows], found.index + len(labels) - (split.total or split.samples)):
        if place.min() >= 0 and place.max() < len(labels):
            there = labels[place]
            if target.kind == "several":
                rows = split.named(target.name).sample
                return all(numpy.array_equal(numpy.asarray(rows[int(row)], float).reshape(-1), mine.astype(float).reshape(-1)) for row, mine in zip(found.rows[:LOOKED_UP], there, strict=False))
            if target.kind == "tags":
                return bool((there.astype(float) == own[found.rows]).all())
            codes = numpy.unique(there, return_inverse=True)[1] if target.kind == "classes" else there.reshape(-1).astype(float)
            if same_labels(codes, own[found.rows], quantity=target.kind == "quantity"):
                return True
    return False
