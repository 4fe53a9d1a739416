"""Where the time of a sample goes: the transforms, the rest of the dataset, putting a batch together."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from nbdebug.data.running.asked import Running, fetch
from nbdebug.data.running.box import Box
from nbdebug.data.running.spots import Spot, spots_of
from nbdebug.data.running.spying import Notes, spied

TIMED_SAMPLES = 64  # whose time is divided among the transforms


@dataclass(frozen=True)
class Cost:
    """Where the time of a sample goes."""

    part: str  # "transform[2] Rotate", "the rest of __getitem__", "collate_fn"
    milliseconds: float  # a sample
    share: float  # of all parts


def costs_of(running: Running, box: Box) -> tuple[Cost, ...]:
    """The time of a sample by transform; what a Compose does itself is its own part. Nothing where a sample raises."""
    spots, totals = spots_of(running.dataset) if not running.ours else [], {}
    read, whole, items = 0, 0.0, []
    with running.put_back(), spied(spots, Notes(values=False)) as notes, contextlib.suppress(Exception):
        while read < TIMED_SAMPLES and box.left > (running.seconds if read else 0.0):
            begun = time.perf_counter()
            item = fetch(running.dataset, running.indices[read % len(running.indices)])
            whole += time.perf_counter() - begun
            read += 1
            items.append(item)
        totals = _exclusive(notes, spots)
    if not items:
        return ()
    rest = max(0.0, whole - sum(totals.values()))
    parts = [(name, total / read) for name, total in totals.items()]
    parts.append(("the rest of __getitem__" if totals else "__getitem__", rest / read))
    collated = _collate_seconds(running, items)
    parts += [("collate_fn", collated)] if collated is not None else []
    everything = sum(part for _, part in parts) or 1.0
    return tuple(Cost(name, 1000 * part, part / everything) for name, part in sorted(parts, key=lambda pair: -pair[1]))


def _exclusive(notes: Notes, spots: list[Spot]) -> dict[str, float]:
    """Seconds of each transform without those of its steps."""
    totals: dict[str, float] = {}
    for call in notes.calls:
        totals[call.spot.name] = totals.get(call.spot.name, 0.0) + call.seconds
    inside = {
        name: sum(total for other, total in totals.items() if other.startswith(f"{name}[") and "[" not in other[len(name) + 1 :])
        for name in totals
    }
    return {name: max(0.0, total - inside[name]) for name, total in totals.items()}


def _collate_seconds(running: Running, items: list[Any]) -> float | None:
    size = running.loader.batch_size
    if size is None or not items:
        return None
    batch = [items[n % len(items)] for n in range(size)]
    started = time.perf_counter()
    with running.put_back(), contextlib.suppress(Exception):
        running.loader.collate_fn(batch)
        return (time.perf_counter() - started) / size
    return None
