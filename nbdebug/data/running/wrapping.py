"""Does integer arithmetic wrap round on the way, and does that change the sample?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdebug.data.running.asked import DEAR, Box, Running
from nbdebug.data.running.hearing import hearing
from nbdebug.data.running.overflow import Ear, Wrap
from nbdebug.data.running.spots import Spot
from nbdebug.data.running.spying import Notes, spied
from nbdebug.data.running.stored import lent
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


def wrapped(running: Running, spots: list[Spot], *, draws: int, box: Box) -> tuple[Wrapped, ...]:
    """What wraps, and makes the sample another than if it stopped at the ends of its range."""
    whole = [spot for spot in spots if spot.whole]
    heard: list[tuple[int, Wrap]] = []
    read = 0
    indices = running.more(MOST_BRIEFLY if running.brief else MOST, box.left / 4)
    for draw in range(draws):
        for index in indices:
            if (read and box.left <= 0) or (running.brief and read and running.seconds > DEAR):
                break
            read += 1
            ear = Ear()
            item = _heard(running, whole, index, draw, ear)
            if not ear.wraps or all(wrap.deliberate for wrap in ear.wraps):
                continue
            if not equal(item, _heard(running, whole, index, draw, Ear(saturate=True))):
                heard += [(int(index), wrap) for wrap in ear.wraps if not wrap.deliberate]
    return tuple(_united(heard, read))


def _heard(running: Running, spots: list[Spot], index: Any, draw: int, ear: Ear) -> Any:
    def exchange(spot: Spot, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return watched_values(args, ear), watched_values(kwargs, ear)

    notes = Notes(exchange=exchange, values=False)
    with running.put_back(), spied(spots, notes), lent(running.dataset, lambda name, rows: watched_rows(rows, ear)), hearing(ear):
        running.shake(draw)
        return running.read(index)


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
