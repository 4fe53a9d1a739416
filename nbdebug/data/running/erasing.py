"""Does a random step erase nearly everything? Word dropout, masks and noise that were drawn the wrong way round leave the few numbers that were to go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.running.passing import Passage, Trouble, ids_of, pairs, said_of
from nbdebug.data.running.values import equal_arrays, inputs_of, leaves

ERASED = 0.7  # share of the numbers that become one and the same; our choice: augmentations erase up to a half
FEWEST, READINGS = 3, 3  # different values that are lost; readings in all


@dataclass
class _Reading:
    index: Any
    before: numpy.ndarray
    after: numpy.ndarray
    share: float


def erased(found: list[Passage]) -> Iterator[Trouble]:
    """Steps that replace most of what they get by one value, at places that are drawn anew each time; the first of them.

    A sample that carries the whole signal as well is one from which what was erased is to be told, and left alone.
    """
    by_name: dict[str, list[_Reading]] = {}
    for passage in found:
        held = [array for _, array in leaves(passage.item)]
        for name, before, after in pairs(passage):
            if not any(equal_arrays(before, array) for array in held):
                by_name.setdefault(name, []).append(_Reading(passage.index, before, after, _share(before, after)))
    for name, readings in by_name.items():
        share = float(numpy.mean([one.share for one in readings]))
        if len(readings) >= READINGS and share >= ERASED and all(one.share > 0 for one in readings) and _is_drawn(readings):
            first = readings[0]
            ids = ids_of([one.index for one in readings])
            yield Trouble("erased", name, len(readings), len(readings), said_of(first.before), said_of(first.after), share, ids)
            return


def most_of(items: list[Any]) -> float:
    """Share of the numbers in the inputs that are one and the same value, in the mean over the samples."""
    arrays = [array for item in items for _, array in inputs_of(item) if array.size > FEWEST]
    return float(numpy.mean([numpy.unique(array, return_counts=True)[1].max() / array.size for array in arrays])) if arrays else 0.0


def _share(before: numpy.ndarray, after: numpy.ndarray) -> float:
    """Of the numbers, those that became one value, where the others stayed as they are; 0.0 where something else happened."""
    if before.shape != after.shape or before.ndim == 0 or not numpy.isfinite(before).all():
        return 0.0
    was, now = before.reshape(-1), after.reshape(-1)
    changed = was != now
    if not changed.any() or (now[changed] != now[changed][0]).any() or len(numpy.unique(was[changed])) < FEWEST:
        return 0.0
    nothing = (was == was[-1]) & ~changed  # padding, or the background
    return float(changed.sum() / max(1, (~nothing).sum()))


def _is_drawn(readings: list[_Reading]) -> bool:
    """Whether one and the same input lost other numbers when it was read again."""
    return any(
        equal_arrays(one.before, other.before) and not equal_arrays(one.after, other.after)
        for n, one in enumerate(readings)
        for other in readings[:n]
        if str(one.index) == str(other.index)
    )
