"""Labels in another order than their inputs: names that were sorted as text ("10" before "2"), a list that runs backwards, copies that
were laid out one by one in the one and as a whole in the other, every k-th row taken of one alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy
import torch

from nbdebug.data.classes.places import ENOUGH, Places, innermost, spread
from nbdebug.data.classes.probe import Agreement, Probe
from nbdebug.data.classes.rolled import Anywhere
from nbdebug.data.classes.target import Target
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.split import Split

LIKELY = 2  # orders that are asked with all the rows there are, after a look at all of them
TOLD = 4.0  # standard deviations from which labels can be told as they stand, and need no other place
MOST = 200_000  # rows whose numbers are sorted as text
AS_TEXT, BACKWARDS, COPIES, EACH, STEPS = "as text", "backwards", "whole copies beside repeated labels", "repeated inputs beside whole copies", "every k-th label"
ROLLED = "rolled"
COPIED = range(2, 11)  # times that samples are repeated, or steps from one window to the next; our choice


@dataclass(frozen=True)
class Reordered:
    """An order of the labels, and how well they can be told in it."""

    split: str
    how: str  # one of the above
    times: int  # k, of copies and steps; of what is rolled the distance
    there: Agreement
    at_zero: Agreement  # as they stand
    samples: int
    where: str


def reordered(split: Split, target: Target, found: Places, most: int, *, told: float = 0.0, series: bool = False, other: Split | None = None) -> Reordered | None:
    """The order in which labels can be told best from their inputs.

    Args:
        told: standard deviations above permuted labels by which they can be told as they stand, or a few rows off.
        series: inputs resemble the next ones.
        other: the split that may be the rest of the same rows.
    """
    total = _length(split)
    if total is None or total > MOST or not len(found.index) or int(found.index[-1]) >= total:
        return None
    tried = []
    orders = [*_orders(total), *_of_whole(total, split, other)]
    anywhere = Anywhere(split, target, found, total)
    if anywhere.probe is None:
        return None
    likely = anywhere.told(numpy.stack([place[anywhere.index] for _, _, place in orders], 1)).topk(LIKELY).indices.tolist()
    orders = [orders[number] for number in likely]
    if told < TOLD and not series and (distance := anywhere.best_roll()) is not None:
        orders.append((ROLLED, distance if distance <= total // 2 else distance - total, (numpy.arange(total) + distance) % total))
    for how, times, place in orders:
        wanted = place[found.index]
        at = numpy.minimum(numpy.searchsorted(found.index, wanted), len(found.index) - 1)
        base = numpy.flatnonzero((found.index[at] == wanted) & (wanted != found.index) & (wanted < total))
        if len(base) < ENOUGH:
            continue
        base = spread(base, most)
        encoded = vectors((split, found.rows[base]))
        if encoded is None:
            return None
        probe = Probe(encoded[0], found.index[base])
        there, own = (torch.from_numpy(target.answers(found.rows[rows])) for rows in (at[base], base))
        where = f"{split.name_of(int(found.index[0]))} to {int(found.index[-1])}"
        tried.append(Reordered(split.name, how, times, probe.agreement(there), probe.agreement(own), len(base), where))
    return max(tried, key=lambda one: one.there.z, default=None)


def orders_of(split: Split, other: Split | None) -> list[tuple[str, int, numpy.ndarray]]:
    """Those orders that a split of so many rows may have been brought into; none where their number is not known."""
    total = _length(split)
    return [] if total is None or total > MOST else [*_orders(total), *_of_whole(total, split, other)]


def _orders(total: int) -> Iterator[tuple[str, int, numpy.ndarray]]:
    """(n,) arrays: where the label of the input at a place may stand; `total` and more where there is none."""
    own = numpy.arange(total)
    for as_text in _as_text(total):
        yield AS_TEXT, 0, as_text  # the inputs were sorted so
        yield AS_TEXT, 0, numpy.argsort(as_text)  # the labels were
    yield BACKWARDS, 0, own[::-1]
    for times in COPIED:
        if total % times == 0:
            yield COPIES, times, own % (total // times) * times
        yield EACH, times, own // times
        yield STEPS, times, own * times


def _as_text(total: int, starts: tuple[int, ...] = (0, 1)) -> Iterator[numpy.ndarray]:
    """The order of `10.png` before `2.png`, and that of `10_mask.png` before `1_mask.png`."""
    for start in starts:
        for end in ("", "_"):
            yield numpy.argsort(numpy.char.add(numpy.arange(start, total + start).astype(str), end), kind="stable")


def _of_whole(total: int, split: Split, other: Split | None) -> Iterator[tuple[str, int, numpy.ndarray]]:
    """The order of names sorted as text where the split is the first part of what was sorted, or the last."""
    rest = _length(other) if other is not None and innermost(split) is not innermost(other) else None
    if not rest or total + rest > MOST:
        return
    for first in (0, rest):
        for order in (one for as_text in _as_text(total + rest, starts=(0,)) for one in (as_text, numpy.argsort(as_text))):
            place = order[first : first + total] - first
            yield AS_TEXT, 0, numpy.where(place < 0, total, place)


def _length(split: Split) -> int | None:
    """How many rows the dataset itself has; None where that is not known."""
    dataset = innermost(split)
    if dataset is None:
        return split.total if split.by_index else None
    try:
        return len(dataset)
    except TypeError:
        return None
