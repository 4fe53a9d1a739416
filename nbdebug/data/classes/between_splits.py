"""Labels and inputs of one split beside those of the other: shuffled in one of them, or named otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug.data.classes.places import places, spread
from nbdebug.data.classes.probe import Agreement, Probe, across, correlation, farther
from nbdebug.data.classes.target import Target
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.split import Split

FEWEST = 48  # of a split that is compared with the other
TOLD = 4.0  # standard deviations above permuted labels; where one split has more and one has less, it is asked why
SHARED = 0.5  # of val's samples that carry a class which train has as well


@dataclass(frozen=True)
class Between:
    """The two splits asked about each other."""

    train: Agreement  # labels of train, from other samples of train
    val: Agreement
    samples: tuple[int, int]
    train_by_val: float  # correlation of train's labels with what val's samples say
    val_by_train: float
    apart: Agreement  # how well inputs of train can be told from inputs of val
    renamed: tuple[tuple[str, str], ...]  # (class of train, the class of val that names the same); only those that differ
    as_renamed: float  # share of val's labels that train's samples guess right, the classes being renamed
    as_named: float  # and as they are named
    farther: tuple[float, float] = (0.0, 0.0)  # val from train than train's samples from each other, and train from val; asked where it matters


def between_splits(train: Split, val: Split, one: Target, other: Target, most: int) -> Between | None:
    """Each split guessed from itself and from the other; None where too little can be compared."""
    names = _common(one, other) if one.codes is not None else None
    all_rows, all_held = places(train, one).rows, places(val, other).rows
    rows, held = (spread(_called(target, part, names), most) for target, part in ((one, all_rows), (other, all_held)))
    if min(len(rows), len(held)) < FEWEST or (names is not None and len(_called(other, all_held, names)) < SHARED * len(all_held)):
        return None
    encoded = vectors((train, rows), (val, held))
    if encoded is None:
        return None
    answers = [torch.from_numpy(target.answers(chosen, names)) for target, chosen in ((one, rows), (other, held))]
    if answers[0].shape[1] != answers[1].shape[1]:
        return None
    probes = [Probe(inputs) for inputs in encoded]
    from_train, from_val = across(encoded[0], answers[0], encoded[1]), across(encoded[1], answers[1], encoded[0])
    size = min(len(rows), len(held))
    some = [torch.from_numpy(spread(numpy.arange(len(inputs)), size)) for inputs in encoded]
    sides = torch.cat([torch.zeros(size, 1), torch.ones(size, 1)]).double()
    apart = Probe(torch.cat([inputs[pick] for inputs, pick in zip(encoded, some, strict=True)])).agreement(sides)
    own = [probe.agreement(part) for probe, part in zip(probes, answers, strict=True)]
    renamed, as_renamed, as_named = _renamed(from_train[own[0].learner], answers[1], names) if names is not None else ((), 0.0, 0.0)
    in_doubt = min(one.z for one in own) < TOLD <= max(one.z for one in own)
    return Between(
        *own, (len(rows), len(held)), max(correlation(guess, answers[0]) for guess in from_val.values()),
        max(correlation(guess, answers[1]) for guess in from_train.values()), apart, renamed, as_renamed, as_named,
        (farther(encoded[1], encoded[0]), farther(encoded[0], encoded[1])) if in_doubt else (0.0, 0.0),
    )  # fmt: skip


def _common(one: Target, other: Target) -> tuple[Any, ...]:
    """Classes of both, the most frequent first; at least two, or none."""
    theirs = set(other.names)
    names = tuple(name for name in one.frequent() if name in theirs)
    return names if len(names) > 1 else ()


def _called(target: Target, rows: numpy.ndarray, names: tuple[Any, ...] | None) -> numpy.ndarray:
    """The rows whose label is one of these names; all of them where there are no classes."""
    if names is None:
        return rows
    known = set(names)
    asked = numpy.array([name in known for name in target.names], bool)
    return rows[asked[target.codes[rows]]]


def _renamed(guess: Tensor, answers: Tensor, names: tuple[Any, ...]) -> tuple[tuple[tuple[str, str], ...], float, float]:
    """Which class of the other split each class is called, where that is one to one."""
    known = answers.sum(1) > 0
    if not bool(known.any()):
        return (), 0.0, 0.0
    guessed, labels = guess[known].argmax(1), answers[known].argmax(1)
    count = torch.zeros(len(names), len(names), dtype=torch.int64)
    count.index_put_((guessed, labels), torch.ones(len(labels), dtype=torch.int64), accumulate=True)
    as_named = float(count.diagonal().sum()) / len(labels)
    partner = count.argmax(1)
    if len(partner.unique()) < len(names):
        return (), as_named, as_named
    as_renamed = float(count[torch.arange(len(names)), partner].sum()) / len(labels)
    moved = tuple((str(names[i])[:40], str(names[p])[:40]) for i, p in enumerate(partner.tolist()) if i != p)
    return moved, as_renamed, as_named
