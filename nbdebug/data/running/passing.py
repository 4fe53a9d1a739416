"""Samples on their way through the transforms: what went in, what came out, and whether it is still a signal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy

from nbdebug.data.running.asked import DEAR, Running
from nbdebug.data.running.box import Box
from nbdebug.data.running.spots import Spot
from nbdebug.data.running.spying import Call, Notes, spied
from nbdebug.data.running.stored import row_of
from nbdebug.data.running.values import describe, equal, equal_arrays, inputs_of, leaves, signals

VARIED = 8  # different values in what goes in; masks and constant images have fewer, and may become anything
MOST_BYTES = 200_000_000  # held at a time, of values on their way: a scan of 512 pixels a side has 134 million numbers
MOST_NUMBERS = 100_000  # of which different values are counted
COLLAPSED = 0.95  # share of the numbers that lie on one end of the range afterwards; our choice: a CT window leaves 0.9
SPREAD = 0.5  # share of the most frequent value before, above which there was not much to lose
TARGETS = ("target", "label", "mask")  # transforms so named may well give constants
TROUBLES = ("NaN or Inf", "constant", "scrambled", "collapsed")


@dataclass
class Passage:
    """One reading of one sample."""

    index: Any
    draw: int  # draw 0 of every sample has the same random numbers
    item: Any
    calls: list[Call] = field(default_factory=list)
    raw: numpy.ndarray | None = None  # the row that the dataset has stored, where it is known


@dataclass(frozen=True)
class Trouble:
    """What a transform does to the signal."""

    kind: str  # one of TROUBLES, "independent" or "erased"
    name: str  # of the transform or step; "" for __getitem__ itself
    samples: int
    of: int
    given: str  # "uint8 (32, 32, 3) in 3..251"
    output: str
    share: float  # of the numbers, of "collapsed" and "erased"
    ids: tuple[int, ...]


def unnoticed(running: Running, spots: list[Spot]) -> list[Spot]:
    """The transforms, if spies in their places change nothing; a dataset may ask `transform is crop`, and do something else."""
    if not spots:
        return spots
    index = running.indices[0]
    listened = running.watched(index, 0, partial(spied, spots, Notes(values=False)))
    one, other = (running.watched(index, 0, contextlib.nullcontext) for _ in range(2))
    if listened is not None and (equal(listened, one) or not equal(one, other)):
        return spots
    running.ours = running.ours or f"dataset index {index} comes out otherwise when its transforms are listened to"
    return []


def passages(running: Running, spots: list[Spot], *, draws: int, box: Box) -> list[Passage]:
    """Each sample read `draws` times with other random numbers, and its calls noted.

    All but the first draw are each sample's own: what is done to one sample in ten would else be seen in all of them or in none.
    """
    found: list[Passage] = []
    left, listened = MOST_BYTES, True
    affordable = int(box.left / (draws * max(running.seconds, 1e-9)))
    for draw in range(draws):
        for place, index in enumerate(running.indices[: max(2, affordable)]):  # rather few of them several times
            if len(found) >= 2 and left <= 0 or found and box.left <= 0 or (running.brief and draw and running.seconds > DEAR):
                return found
            notes = Notes(values=listened)
            item = running.watched(index, draw and draw + draws * place, partial(spied, spots, notes))
            if item is not None:
                found.append(Passage(index, draw, item, notes.calls if listened else [], row_of(running.dataset, index)))
                left -= _bytes(found[-1])
                listened = left > 0
    return found


def _bytes(passage: Passage) -> int:
    """What is held of a reading."""
    held = [passage.item, *(part for call in passage.calls for part in (call.given, call.output))]
    return sum(array.nbytes for part in held for _, array in leaves(part))


def troubles(found: list[Passage]) -> list[Trouble]:
    """What goes wrong on the way, at the first step where it does."""
    seen = [trouble for kind in TROUBLES if (trouble := _first(kind, found)) is not None]
    if not any(trouble.kind == "constant" for trouble in seen):
        seen += list(_independent(found))
    return seen


# -- one passage ---------------------------------------------------------------------------------------------------


def pairs(passage: Passage) -> Iterator[tuple[str, numpy.ndarray, numpy.ndarray]]:
    """Name, what went in and what came out: of every step in the order of their ends, the whole transform last."""
    for call in passage.calls:
        pair = _pair(call)
        if pair is not None:
            yield call.spot.name, *pair
    if not passage.calls and passage.raw is not None:
        out = next((array for _, array in inputs_of(passage.item) if array.size == passage.raw.size), None)
        if out is not None:
            yield "", passage.raw, out


def _pair(call: Call) -> tuple[numpy.ndarray, numpy.ndarray] | None:
    given, output = signals(call.given), signals(call.output)
    if not given or not output or any(word in call.spot.name.lower() for word in TARGETS):
        return None
    path, before = given[0]
    return before, dict(output).get(path, max((array for _, array in output), key=lambda array: len(numpy.unique(_thinned(array)))))


def _kind(before: numpy.ndarray, after: numpy.ndarray) -> tuple[str, float]:
    """The trouble of one call, and its share."""
    if after.dtype.kind == "f" and numpy.isfinite(before).all() and not numpy.isfinite(after).all():
        return "NaN or Inf", float(1 - numpy.isfinite(after).mean())
    if len(numpy.unique(_thinned(before))) < VARIED or after.size < VARIED:
        return "", 0.0
    low, high = after.min(), after.max()
    if low == high:
        return "constant", 1.0
    if scrambled(before, after):
        return "scrambled", 1.0
    share = max(float((after == low).mean()), float((after == high).mean()))
    if share >= COLLAPSED and _most_frequent(before) < SPREAD and _flattened(before, after):
        return "collapsed", share
    return "", 0.0


def scrambled(before: numpy.ndarray, after: numpy.ndarray) -> bool:
    """Whether axes were exchanged by a reshape: the numbers in their old order under a new shape."""
    old, new = [n for n in before.shape if n > 1], [n for n in after.shape if n > 1]
    if before.size != after.size or old == new or sorted(old) != sorted(new) or len(old) < 2:
        return False
    was, now = before.reshape(-1).astype(numpy.float64), after.reshape(-1).astype(numpy.float64)
    scale = numpy.polyfit(was, now, 1)
    if abs(now - numpy.polyval(scale, was)).max() > 1e-3 * max(numpy.ptp(now), 1e-12):
        return False
    shaped = now.reshape(old)
    ways = [numpy.transpose(shaped, p) for p in permutations(range(len(old))) if [old[i] for i in p] == new]
    return not any(numpy.array_equal(way.reshape(-1), now) for way in ways)


def _most_frequent(array: numpy.ndarray) -> float:
    counts = numpy.unique(_thinned(array), return_counts=True)[1]
    return float(counts.max() / counts.sum())


def _thinned(array: numpy.ndarray) -> numpy.ndarray:
    """At most some 100,000 of the numbers, from all over."""
    return array.reshape(-1)[:: max(1, array.size // MOST_NUMBERS)]


def _flattened(before: numpy.ndarray, after: numpy.ndarray) -> bool:
    """Whether each number became what it became by its size alone: a clip, and not an edge filter."""
    if before.size != after.size:
        return True
    moved = before if before.shape == after.shape else numpy.moveaxis(before, -1, 0) if before.ndim == 3 else before
    order = numpy.argsort(moved.reshape(-1), kind="stable")
    return bool((numpy.diff(after.reshape(-1)[order].astype(numpy.float64)) >= 0).all())


# -- over all passages ----------------------------------------------------------------------------------------------


def _first(kind: str, found: list[Passage]) -> Trouble | None:
    """The trouble, if every sample that could show it does (NaN and a scrambled order: one does), at the step where it begins."""
    sick, guilty = [], None
    asked = [passage for passage in found if list(pairs(passage))]
    for passage in asked:
        judged = [(name, before, after, *_kind(before, after)) for name, before, after in pairs(passage)]
        hit = next((j for j in judged if j[3] == kind), None)
        if hit is not None and (kind == "scrambled" or judged[-1][3] == kind):
            sick.append(passage.index)
            guilty = guilty or hit
    needed = 1 if kind in ("NaN or Inf", "scrambled") else max(2, round(0.75 * len(asked)))
    if guilty is None or len(sick) < needed:
        return None
    name, before, after, _, share = guilty
    return Trouble(kind, name, len(sick), len(asked), said_of(before), said_of(after), share, ids_of(sick))


def _independent(found: list[Passage]) -> Iterator[Trouble]:
    """Transforms that answer different samples alike, with the same random numbers for all."""
    by_name: dict[str, list[tuple[Any, numpy.ndarray, numpy.ndarray]]] = {}
    for passage in found:
        for name, before, after in pairs(passage) if passage.draw == 0 else ():
            by_name.setdefault(name, []).append((passage.index, before, after))
    for name, calls in by_name.items():
        distinct = [c for n, c in enumerate(calls) if not any(equal_arrays(c[1], other[1]) for other in calls[:n])]
        varied = [c for c in distinct if len(numpy.unique(_thinned(c[1]))) >= VARIED]
        if len(varied) >= 2 and all(equal_arrays(a[2], b[2]) for a, b in combinations(varied, 2)):
            yield Trouble(
                "independent", name, len(varied), len(calls), said_of(varied[0][1]), said_of(varied[0][2]), 1.0,
                ids_of([c[0] for c in varied]),
            )  # fmt: skip
            return


def said_of(array: numpy.ndarray) -> str:
    """`uint8 (32, 32, 3) in 3..251`."""
    if not array.size:
        return describe(array)
    with numpy.errstate(all="ignore"):
        return f"{describe(array)} in {numpy.nanmin(array):.4g}..{numpy.nanmax(array):.4g}"


def ids_of(indices: list[Any]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(i) for i in indices if isinstance(i, int | numpy.integer)))[:24]
