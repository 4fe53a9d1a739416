"""Does integer arithmetic wrap round on the way, and does that change the sample?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.running.arrays import Held, exchanged, narrow_arrays
from nbdebug.data.running.asked import DEAR, Running
from nbdebug.data.running.box import Box
from nbdebug.data.running.hearing import hearing
from nbdebug.data.running.overflow import Ear, Wrap
from nbdebug.data.running.spots import Spot
from nbdebug.data.running.spying import Notes, spied
from nbdebug.data.running.values import equal
from nbdebug.data.running.watched_arrays import watched_rows, watched_values

MOST, MOST_BRIEFLY = 64, 16  # samples: a difference of two columns may wrap in few of them


@dataclass(frozen=True)
class Wrapped:
    """Arithmetic that wrapped round, at one line."""

    operation: str
    dtype: str
    example: str
    share: float  # of the numbers that went through it
    text: str  # of the line
    file: str
    line: int | None
    cell: int | None
    ids: tuple[int, ...]
    read: int  # samples


def wrapped(running: Running, spots: list[Spot], *, draws: int, box: Box) -> tuple[tuple[Wrapped, ...], tuple[Wrapped, ...], int]:
    """What wraps, what is cut off, and makes the sample another than if it stopped at the ends of its range, or were rounded; and how many were listened to."""
    whole = [spot for spot in spots if spot.whole]
    held = narrow_arrays(running)
    heard: list[tuple[int, Wrap]] = []
    cut: list[tuple[int, Wrap]] = []
    read, listened = 0, set()
    indices = running.more(MOST_BRIEFLY if running.brief else MOST, box.left / 4)
    for _ in range(draws):
        for index in indices:
            number = read  # random numbers of its own: what is done to every other sample would else be done to all or to none
            if (read and box.left <= 0) or (running.brief and read and running.seconds > DEAR):
                break
            read += 1
            ear = Ear()
            item = _heard(running, whole, held, index, number, ear)
            if item is None:
                continue
            listened.add(str(index))
            wraps = [wrap for wrap in ear.wraps if not wrap.deliberate]
            if not wraps and not ear.cuts:
                continue
            stopped = _heard(running, whole, held, index, number, Ear(saturate=True))
            if stopped is not None and not equal(item, stopped):
                heard += [(_number(index), wrap) for wrap in wraps]
                cut += [(_number(index), wrap) for wrap in ear.cuts]
    return tuple(_united(heard, read)), tuple(_united(cut, read)), len(listened)


def _number(index: Any) -> int:
    return int(index) if isinstance(index, int | numpy.integer) else 0  # of samples that go by a key the place is not known


def _heard(running: Running, spots: list[Spot], held: list[Held], index: Any, number: int, ear: Ear) -> Any:
    def exchange(spot: Spot, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return watched_values(args, ear), watched_values(kwargs, ear)

    @contextlib.contextmanager
    def listening() -> Iterator[None]:
        rows = exchanged(held, lambda value: watched_rows(value, ear))
        with spied(spots, Notes(exchange=exchange, values=False)), rows, hearing(ear):
            yield

    return running.watched(index, number, listening)


def _united(heard: list[tuple[int, Wrap]], read: int) -> list[Wrapped]:
    by_line: dict[tuple[Any, ...], list[tuple[int, Wrap]]] = {}
    for index, wrap in heard:
        by_line.setdefault((wrap.place.get("file"), wrap.place.get("line"), wrap.place.get("cell")), []).append((index, wrap))
    found = []
    for (file, line, cell), wraps in by_line.items():
        first = wraps[0][1]
        share = sum(w.wrapped for _, w in wraps) / max(1, sum(w.of for _, w in wraps))
        ids = tuple(dict.fromkeys(index for index, _ in wraps))[:24]
        found.append(Wrapped(first.operation, first.dtype, first.example, share, first.text, file or "", line, cell, ids, read))
    return found
