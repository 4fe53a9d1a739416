"""Labels that their neighbours contradict, and how many of all labels may be wrong.

Classes that overlap contradict each other as well, but only near their border: deep inside a class their contradictions die out. What is
left there is noise (or a class of two minds everywhere, which no data can tell from it). So the rate is read where it is deepest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from nbdebug.data.classes.places import places, spread
from nbdebug.data.classes.probe import Probe, nearest
from nbdebug.data.classes.target import Target
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.split import Split

MOST, BRIEFLY = 2000, 600  # samples that are asked
FEWEST = 100
AGREE = 0.3  # correlation of guess and label from which neighbours have a say; of labels 30 % of which are flipped it is 0.35
Z = 7.0  # and that many standard deviations above permuted labels
SURE = 0.85  # share of places whose class two halves of the jury agree on
HARD = 0.5  # contradicted share of a class from which neighbours do not know that class
NOT_FALLING = 0.4  # of the rate in the second layer that must be left in the inner two; 0.2 where two normal classes overlap
NEIGHBOURS = 10
EXTENDED = ("image", "series", "audio")  # inputs of many values of one nature
UNANIMOUS = 0.9  # of the neighbours that name another label, for a candidate
JURY = 15  # neighbours that vote on which class a place belongs to
LAYERS = 4  # of equal size, by depth inside their class
LISTED = 24
CONFIDENCE = 1.96  # standard deviations of the interval: 95 %
TO_ITSELF = 1e-12


@dataclass(frozen=True)
class Candidate:
    """A sample whose label its neighbours contradict."""

    id: int  # as in Split.ids
    name: str  # "dataset index 17"
    label: str
    neighbours: str  # the label that they carry
    votes: int
    asked: int  # neighbours


@dataclass(frozen=True)
class Layer:
    """Samples of like depth inside the class that their neighbourhood belongs to."""

    samples: int
    contradicted: int


@dataclass(frozen=True)
class Noise:
    """How often labels are contradicted, from the borders of the classes to their insides."""

    split: str
    field: str  # name of the targets
    samples: int  # asked
    agreement: float  # correlation of neighbours' guess and label
    z: float  # of it, above permuted labels
    candidates: tuple[Candidate, ...]  # the clearest first, at most LISTED
    found: int  # of them
    layers: tuple[Layer, ...]  # from the border to the deepest
    rate: float  # share of labels contradicted in the deepest, 0..1
    low: float  # its interval of 95 % (Wilson 1927)
    high: float
    steady: bool  # the rate no longer falls from layer to deeper layer
    even: bool  # and is the same in all but the outermost
    sure: float  # share of samples at whose place two halves of the jury name the same class


def noise(split: Split, target: Target | None, *, briefly: bool) -> tuple[Noise | None, str]:
    """What the neighbours say, or why they have no say."""
    if target is None or target.kind != "classes":
        return None, "the targets are no classes, one a sample"
    most = BRIEFLY if briefly else MOST
    rows = spread(_varied(split, places(split, target).rows), most)
    if len(rows) < FEWEST or target.counted < 2 * len(target.names):
        return None, f"{len(rows):,} samples of {len(target.names):,} class{'es' if len(target.names) != 1 else ''} are too few to ask their neighbours"
    encoded = vectors((split, rows))
    if encoded is None:
        return None, "nothing of the inputs can be compared"
    few = spread(numpy.arange(len(rows)), most // 2)
    agreement = Probe(encoded[0][torch.from_numpy(few)]).agreement(torch.from_numpy(target.answers(rows[few])))
    labels = torch.from_numpy(target.codes[rows])
    near = nearest(encoded[0], 2 * JURY)
    sure = float((_vote(near[:, 0::2], labels) == _vote(near[:, 1::2], labels)).double().mean())
    if agreement.correlation < AGREE or agreement.z < Z or sure < SURE:
        return None, (
            f"neighbours do not agree enough on a label to contradict one (correlation with it {agreement.correlation:.2f}; two juries of "
            f"{JURY} neighbours agree in {sure:.0%})"
        )
    place = _vote(near[:, :JURY], labels)
    known = _known(place, labels)
    if int(known.sum()) < FEWEST:
        return None, "neighbours cannot tell most of the classes"
    candidates = _candidates(split, target, rows, labels, near[:, :NEIGHBOURS], known)
    layers = _layers(encoded[0][known], place[known], labels[known])
    rate, low, high = wilson(layers[-1].contradicted, layers[-1].samples)
    steady, even = _steady(layers), all(_alike(layer, layers[-1]) for layer in layers[1:-1])
    return Noise(
        split.name, target.name, len(rows), agreement.correlation, agreement.z, candidates[:LISTED], len(candidates), layers, rate, low, high,
        steady, even, sure,
    ), ""  # fmt: skip


def _varied(split: Split, rows: numpy.ndarray) -> numpy.ndarray:
    """The rows but for blank images and silence, whose place says nothing of their class."""
    for field in split.fields:
        if field.role == "input" and field.kind in EXTENDED and isinstance(field.sample, numpy.ndarray):
            flat = field.sample[rows].reshape(len(rows), -1)
            rows = rows[flat.min(1) < flat.max(1)] if flat.shape[1] > 1 else rows
    return rows


def _vote(near: Tensor, labels: Tensor) -> Tensor:
    """(n,) the most frequent label among these neighbours."""
    return labels[near].mode(1).values


def _known(place: Tensor, labels: Tensor) -> Tensor:
    """(n,) bool: samples of the classes that neighbours can tell; a rare one that lies scattered is hard, and not wrong."""
    contradicted = torch.zeros(int(labels.max()) + 1).index_add_(0, labels, (place != labels).float())
    return (contradicted < HARD * labels.bincount().clamp(min=1))[labels]


def _candidates(
    split: Split, target: Target, rows: numpy.ndarray, labels: Tensor, near: Tensor, known: Tensor
) -> tuple[Candidate, ...]:
    theirs = _vote(near, labels)
    votes = (labels[near] == theirs[:, None]).sum(1)
    chosen = (known & (theirs != labels) & (votes >= UNANIMOUS * near.shape[1])).nonzero()[:, 0]
    ranked = sorted(chosen.tolist(), key=lambda i: (-int(votes[i]), i))
    return tuple(
        Candidate(
            int(split.ids[rows[i]]), split.name_of(int(split.ids[rows[i]])), _said(target.names[labels[i]]), _said(target.names[theirs[i]]),
            int(votes[i]), near.shape[1],
        )
        for i in ranked
    )


def _said(name: object) -> str:
    return str(name)[:40]


def _layers(inputs: Tensor, place: Tensor, labels: Tensor) -> tuple[Layer, ...]:
    """Depth: the way to the nearest sample whose place belongs to another class, beside the way to its own neighbours."""
    squared = torch.cdist(inputs, inputs)
    squared.fill_diagonal_(float("inf"))
    other = place[:, None] != place[None, :]
    to_other = squared.masked_fill(~other, float("inf")).amin(1)
    to_own = squared.masked_fill(other, float("inf")).topk(min(JURY, len(inputs) - 1), largest=False).values.nan_to_num(posinf=0.0).mean(1)
    depth = to_other / to_own.clamp(min=TO_ITSELF)
    wrong = (place != labels)[depth.argsort()]
    return tuple(Layer(len(part), int(part.sum())) for part in wrong.tensor_split(LAYERS))


def _steady(layers: tuple[Layer, ...]) -> bool:
    """Whether contradictions do not die out towards the inside, and are more than one or two there."""
    outer, *inner = (layer.contradicted / max(1, layer.samples) for layer in layers[1:])
    return layers[-1].contradicted >= 3 and min(inner) >= NOT_FALLING * outer


def _alike(one: Layer, other: Layer) -> bool:
    a, b = one.contradicted / max(1, one.samples), other.contradicted / max(1, other.samples)
    return b > 0 and 2 / 3 <= a / b <= 3 / 2


def wilson(hits: int, of: int) -> tuple[float, float, float]:
    """The share, and its interval of 95 %. Wilson, Probable inference (1927)."""
    if not of:
        return 0.0, 0.0, 1.0
    share, z = hits / of, CONFIDENCE
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return share, max(0.0, middle - half), min(1.0, middle + half)
