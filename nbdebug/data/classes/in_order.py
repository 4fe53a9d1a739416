"""Labels and inputs in the order of their dataset: shifted against each other, or strangers in one stretch of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from nbdebug.data.classes.places import ENOUGH, NARROW, SHIFTS, Places, beside, spread
from nbdebug.data.classes.probe import Agreement, Probe, across, correlation, farther, shares
from nbdebug.data.classes.target import Target
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.split import Split

IN_STEP = 0.3  # correlation of an input with the next one from which the rows are a series
PAIRS = 400  # of rows that follow each other, that this is asked of
TOLD = 4.0  # standard deviations from which labels can be told at all, so that some may be told worse
BINS = 24  # of the dataset, between whose edges a block may lie
LONGEST = 0.7  # of the dataset, that a block may take
PERMUTED = 30  # orders that a block is compared with
SIGNALS = ("image", "audio", "series")  # whose own label is no matter of the next one, unless they resemble it


@dataclass(frozen=True)
class Shifted:
    """How well labels can be told from the inputs that stand a few places before or behind them."""

    split: str
    shifts: tuple[int, ...]  # k: the label at place i + k, from the input at place i
    agreement: tuple[Agreement, ...]
    samples: int
    series: bool  # inputs resemble the next ones in the dataset: a shift may be meant
    signals: bool  # the inputs are images, sounds or series
    where: str  # "dataset index 0 to 255": the places between which this was seen


@dataclass(frozen=True)
class Block:
    """The part of a dataset where labels and inputs agree least."""

    split: str
    where: str  # as above
    samples: int  # in the block
    inside: float  # correlation of guess and label, in the units of the whole
    outside: float
    z: float  # of the difference
    by_chance: float  # the largest z of the same scan of orders drawn at random
    apart: Agreement  # how well inputs inside can be told from those outside
    mixed: bool  # the labels inside are those outside, as often; not so where a dataset is sorted by label
    own: Agreement  # labels inside, from other samples inside
    shift: int  # at which the labels inside would agree; 0 where none does
    at_shift: float  # correlation there
    farther: float = 0.0  # standard deviations by which inputs inside lie farther from those outside than those from each other


def in_order(split: Split, target: Target, found: Places, most: int) -> tuple[Shifted | None, Block | None]:
    """What shifting the labels does, over at most `most` rows, and the stretch of the dataset where they agree least."""
    for shifts in (SHIFTS, NARROW):
        base, at = beside(found, shifts)
        if len(base) >= ENOUGH:
            break
    else:
        return None, None
    chosen = spread(numpy.arange(len(base)), most)
    base, at = base[chosen], {shift: position[chosen] for shift, position in at.items()}
    encoded = vectors((split, found.rows[base]))
    if encoded is None:
        return None, None
    probe = Probe(encoded[0], found.index[base])
    asked = {shift: torch.from_numpy(target.answers(found.rows[position])) for shift, position in at.items()}
    by_chance = probe.by_chance(asked[0])  # the same labels at every shift, but for a few at the ends
    agreement = tuple(probe.agreement(asked[shift], by_chance) for shift in shifts)
    image = split.input() is not None and split.input().kind in SIGNALS
    index = found.index[base]
    shifted = Shifted(split.name, shifts, agreement, len(base), _is_series(split, found), image, _from_to(split, found.index))
    whole = agreement[shifts.index(0)]
    return shifted, _block(split, probe, asked, whole, index) if whole.z >= TOLD else None


def _from_to(split: Split, index: numpy.ndarray) -> str:
    return f"{split.name_of(int(index[0]))} to {int(index[-1])}"


def _is_series(split: Split, found: Places) -> bool:
    """Whether an input resembles the one that follows it, in the whole or in any column of a table."""
    following = numpy.flatnonzero(numpy.diff(found.index) == 1)
    if not len(following):
        return False
    pairs = spread(following, PAIRS)
    encoded = vectors((split, numpy.concatenate([found.rows[pairs], found.rows[pairs + 1]])))
    if encoded is None:
        return False
    one, other = encoded[0].chunk(2)
    one, other = one - one.mean(0), other - other.mean(0)
    whole = float((one * other).sum() / (one.norm() * other.norm()).clamp(min=1e-12))
    single = (one * other).sum(0) / (one.norm(dim=0) * other.norm(dim=0)).clamp(min=1e-12)
    table = any(field.role == "input" and field.kind in ("tabular", "time") for field in split.fields)
    timed = any(field.kind == "time" for field in split.fields)
    return timed or whole > IN_STEP or (table and float(single.abs().max()) > IN_STEP + 2 / len(one) ** 0.5)


def _block(split: Split, probe: Probe, asked: dict[int, Tensor], whole: Agreement, index: numpy.ndarray) -> Block | None:
    """The stretch of the dataset whose labels agree least with their guesses, unless random orders have such stretches as well."""
    guess = probe.guesses(asked[0])[whole.learner]
    part = shares(guess, asked[0])
    generator = torch.Generator().manual_seed(0)
    orders = [torch.arange(len(part)), *(torch.randperm(len(part), generator=generator) for _ in range(PERMUTED))]
    stretches = _lowest_stretch(torch.stack([part[order] for order in orders]))
    (low, high, z), by_chance = stretches[0], max(other[2] for other in stretches[1:])
    if z <= by_chance:
        return None
    inside = torch.zeros(len(part), dtype=torch.bool)
    inside[low:high] = True
    by_rest = across(probe.inputs[~inside], asked[0][~inside], probe.inputs[inside])[whole.learner]
    told = {shift: correlation(by_rest, answers[inside]) for shift, answers in asked.items()}
    best = max((shift for shift in told if shift), key=lambda shift: told[shift])
    return Block(
        split.name, _from_to(split, index[low:high]), high - low, told[0], correlation(guess[~inside], asked[0][~inside]), z, by_chance,
        probe.agreement(inside.double()[:, None]), _is_mixed(asked[0], inside), Probe(probe.inputs[inside]).agreement(asked[0][inside]),
        best, told[best], farther(probe.inputs[inside], probe.inputs[~inside]),
    )  # fmt: skip


def _is_mixed(answers: Tensor, inside: Tensor) -> bool:
    """Whether the mean answers inside differ from those outside no more than those of random rows do."""
    generator = torch.Generator().manual_seed(0)

    def difference(rows: Tensor) -> float:
        return float((answers[rows].mean(0) - answers[~rows].mean(0)).abs().sum())

    by_chance = [difference(inside[torch.randperm(len(inside), generator=generator)]) for _ in range(PERMUTED)]
    return difference(inside) <= 1.2 * max(by_chance)


def _lowest_stretch(parts: Tensor) -> list[tuple[int, int, float]]:
    """(first, last + 1, z) for each row of (R, n): the stretch of bins whose mean lies lowest against the rest, in standard errors."""
    n = parts.shape[1]
    edges = torch.linspace(0, n, BINS + 1).round().long()
    first, last = torch.triu_indices(BINS + 1, BINS + 1, 2)
    keep = last - first <= round(LONGEST * BINS)
    first, last = first[keep], last[keep]
    total = torch.nn.functional.pad(parts.cumsum(1), (1, 0))[:, edges]
    size = (edges[last] - edges[first]).double()
    inside = total[:, last] - total[:, first]
    outside = (total[:, -1:] - inside) / (n - size)
    z = (outside - inside / size) / (parts.std(1, keepdim=True).clamp(min=1e-12) * (1 / size + 1 / (n - size)).sqrt())
    best = z.argmax(1).tolist()
    return [(int(edges[first[b]]), int(edges[last[b]]), float(z[row, b])) for row, b in enumerate(best)]
