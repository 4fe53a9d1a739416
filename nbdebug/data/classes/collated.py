"""Does the collate function keep inputs and targets together? One sample of a batch is exchanged, and it is seen which rows of either move.

Inputs that are sorted by length while the labels stay, mixed samples whose labels were mixed with other partners: such a fault shows in no
single sample, and in no order of the dataset.
"""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import Any

import numpy
from torch import Tensor
from torch.utils.data import DataLoader, default_collate, default_convert

from nbdebug.data.members import TARGET, parts_of
from nbdebug.data.split import Split
from nbdebug.lines.returned import code_of, line_that_returns
from nbdebug.seeding import seed_generators
from nbdebug.source_lines import SourceLine, is_users

BATCH = 9  # samples in the batch; odd, so that few other sizes equal it
POOL = 48  # samples among which others of the same size are looked for
EXCHANGES = 6
FEWEST = 3  # exchanges that must be crossed, and half of those that tell anything; our choice
MOVED = 3  # rows of either side that one sample may move; where all rows move, they are worked out together
NOTED = 1e-3  # of the largest change: less is rounding
LARGEST = 2_000_000  # numbers in a sample
SECONDS = 1.0  # that reading the pool may take, by what the pass took


@dataclass(frozen=True)
class Collated:
    """What the exchanges moved."""

    split: str
    function: str  # name of the collate function
    line: SourceLine | None
    exchanges: int  # that moved rows of both
    crossed: int  # of them, where inputs and targets moved in different rows, and neither holds the other
    place: int  # of the sample in the list that the function was given, in the first that was crossed
    inputs: tuple[int, ...]  # rows that moved then
    targets: tuple[int, ...]


def collated(split: Split, loader: Any, model: Any) -> Collated | None:
    """None where the function is torch's, or cannot be asked."""
    function = getattr(loader, "collate_fn", None)
    if not isinstance(loader, DataLoader) or not split.by_index or split.fetch is None or function in (None, default_collate, default_convert):
        return None
    code = code_of(function)
    if code is None or not is_users(code) or POOL * split.seconds > SECONDS * max(1, split.samples):
        return None
    places = numpy.random.default_rng(0).permutation(len(loader.dataset))[:POOL]
    samples = [loader.dataset[int(place)] for place in places]
    if sum(_sizes(samples[0])) > LARGEST or len(samples) < 2 * BATCH:
        return None
    ask = functools.partial(_asked, function, model, split.scored)
    base, again = ask(samples[:BATCH]), ask(samples[:BATCH])
    if not base[0] or not base[1] or any(_moved(base[side], again[side]) for side in (0, 1)):
        return None
    told = []
    for place in range(BATCH):
        for other in _like(samples, place):
            rows = _exchanged(ask, base, samples[:BATCH], place, other)
            if rows is not None:
                told.append((place, *rows))
                break
        if len(told) == EXCHANGES:
            break
    crossed = [one for one in told if one[1] - one[2] and one[2] - one[1]]
    place, inputs, targets = crossed[0] if crossed else (0, set(), set())
    return Collated(
        split.name, getattr(function, "__name__", type(function).__name__), line_that_returns(function), len(told), len(crossed),
        place, tuple(sorted(inputs)), tuple(sorted(targets)),
    )  # fmt: skip


def is_crossed(found: Collated) -> bool:
    """Whether it is no accident."""
    return found.crossed >= FEWEST and 2 * found.crossed >= found.exchanges


def _asked(function: Any, model: Any, scored: tuple[str, ...], samples: list[Any]) -> tuple[list[numpy.ndarray], list[numpy.ndarray]]:
    """The inputs and the targets of a batch of these samples that have a row for each of them."""
    seed_generators(0)
    parts, _ = parts_of(function(copy.deepcopy(samples)), len(samples), model, scored)
    sides: tuple[list[numpy.ndarray], list[numpy.ndarray]] = ([], [])
    for name, role, values, _ in parts:
        if isinstance(values, numpy.ndarray) and len(values) == len(samples) and values.dtype.kind in "fiub":
            sides[role == TARGET or name in scored].append(values.reshape(len(values), -1).astype(float))
    return sides


def _exchanged(ask: Any, base: Any, samples: list[Any], place: int, other: Any) -> tuple[set[int], set[int]] | None:
    """Rows of inputs and of targets that move when the sample at this place is another; None where that tells nothing."""
    now = ask([*samples[:place], other, *samples[place + 1 :]])
    if any(one.shape != two.shape for side in (0, 1) for one, two in zip(base[side], now[side], strict=True)):
        return None
    rows = tuple(_moved(base[side], now[side]) for side in (0, 1))
    return rows if all(1 <= len(moved) <= MOVED for moved in rows) else None


def _moved(before: list[numpy.ndarray], after: list[numpy.ndarray]) -> set[int]:
    found: set[int] = set()
    for one, two in zip(before, after, strict=True):
        if one.shape != two.shape:
            return set(range(len(one)))
        far = numpy.abs(numpy.nan_to_num(one - two)).max(1, initial=0.0)
        found |= set(numpy.flatnonzero(far > NOTED * max(float(far.max()), 1e-12)).tolist())
    return found


def _like(samples: list[Any], place: int) -> list[Any]:
    """Samples outside the batch whose parts have the sizes of this one's, so that nothing else has to move."""
    wanted = _sizes(samples[place])
    return [other for other in samples[BATCH:] if _sizes(other) == wanted][:4]


def _sizes(sample: Any) -> tuple[int, ...]:
    if isinstance(sample, dict):
        return tuple(size for key in sample for size in _sizes(sample[key]))
    if isinstance(sample, (Tensor, numpy.ndarray)):
        return (int(numpy.prod(sample.shape)),)
    if isinstance(sample, (list, tuple)) and sample and not isinstance(sample[0], (int, float, str)):
        return tuple(size for part in sample for size in _sizes(part))
    if isinstance(sample, tuple) and len(sample) <= 4:  # (text, label)
        return tuple(size for part in sample for size in _sizes(part))
    return (len(sample),) if hasattr(sample, "__len__") else (1,)
