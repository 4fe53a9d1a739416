"""Do worker processes, or epochs, repeat the same random samples? A twin of the loader is asked with real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader

from nbdebug.data.running.again import Repeated, items_again
from nbdebug.data.running.asked import Running, seed
from nbdebug.data.running.box import Box
from nbdebug.data.running.streams import same_stream
from nbdebug.data.running.twin import WorkersFailed, delivered, demand_workers, twin
from nbdebug.data.running.values import equal, inputs_of

CHANCE = 1e-4  # that two workers draw the same all through by accident
MOST_DRAWS = 80  # samples of each worker
GLOBAL_READINGS = 9  # of each sample, until another seed gives another: a mirror of one in two stays the same in 1 of 256
LATE = "the time was over before they had delivered enough"
SHARED = 0.9  # of one worker's samples that another delivered too


@dataclass(frozen=True)
class WorkerLook:
    """What two workers, and two epochs, delivered."""

    workers: int
    draws: int  # samples of each worker in each epoch
    same_in_workers: bool
    same_in_epochs: bool
    same_stream: float  # of an iterable dataset: share of one worker's samples that another delivered too
    supposed: bool  # the user's loader has no workers: so it would be with them
    example: str  # "0.31, 0.77" drawn by both
    ids: tuple[int, ...] = ()


def worker_look(running: Running, repeated: Repeated | None, box: Box) -> WorkerLook | None:
    """None when nothing is random, and so nothing can repeat.

    Raises:
        WorkersFailed: no answer, and why.
    """
    if running.iterable:
        demand_workers(running, brief=running.brief)
        found = same_stream(running, None if running.brief else box)
        if found is None and box.left <= 0 and not running.brief:
            raise WorkersFailed(LATE)
        return None if found is None else WorkerLook(running.workers, found[0], found[1] > SHARED, False, found[1], False, "")
    if running.why_not or repeated is None or not repeated.random:
        return None
    if running.brief and running.loader.worker_init_fn is None and _by_global_states(running, box):
        return None
    demand_workers(running, brief=running.brief)
    if box.left <= 0 and not running.brief:
        raise WorkersFailed(LATE)
    indices = _sequence(running, box)
    if indices is None:
        return None
    workers = min(running.workers, 2) or 2
    asked = [[index] for index in indices for _ in range(workers)]
    with twin(running, workers=workers, sampler=asked) as loader:
        seed(0)
        epoch = _epoch(loader, running, len(asked), box)
        if not epoch:
            raise WorkersFailed(LATE)
        first = epoch[::workers]
        same_in_workers = workers > 1 and all(_all_equal(first, epoch[n::workers]) for n in range(1, workers))
        settled = workers > 1 and running.brief and (same_in_workers or box.left <= 0)
        again = [] if settled else _epoch(loader, running, len(asked), box)[::workers]
    if not (settled or again or same_in_workers):
        raise WorkersFailed(LATE)
    return WorkerLook(
        running.workers or workers, len(indices), same_in_workers, _all_equal(first, again),
        0.0, running.workers == 0, _example(first), tuple(dict.fromkeys(i for i in indices if isinstance(i, int))),
    )  # fmt: skip


def _epoch(loader: DataLoader, running: Running, count: int, box: Box) -> list[Any]:
    """All batches of a pass; none where the time is over before. A brief look asks only what takes no time."""
    batches = list(delivered(loader, running, box=None if running.brief else box))
    return batches if len(batches) == count else []


def _by_global_states(running: Running, box: Box) -> bool:
    """Whether another seed of the global random states alone gives another sample: torch seeds them for each worker and epoch.

    Source: torch.utils.data._utils.worker seeds torch, Python's random and NumPy from base_seed + worker id.
    """
    for number in range(1, GLOBAL_READINGS):
        for index in running.indices:
            one, again, other = (_seeded(running, index, drawn) for drawn in (0, 0, number))
            if not equal(one, again):  # there is a generator that nobody could find
                return False
            if not equal(one, other):
                return True
            if box.left <= 0:
                return False
    return False


def _seeded(running: Running, index: Any, number: int) -> Any:
    with running.put_back():
        seed(number)
        return running.read(index)


def _sequence(running: Running, box: Box) -> list[Any] | None:
    """The samples that each worker is asked for, so many that chance does not make them equal; None: they hardly ever differ."""
    base = running.indices[:4]
    rounds = max(1, 16 // len(base))
    one, two = (items_again(running, base * rounds, start, box) for start in (1, 2))
    pairs = [equal(a, b) for a, b in zip(one, two, strict=False)]
    if not pairs:
        raise WorkersFailed(LATE)
    if all(pairs):
        return None
    alike = (sum(pairs) + 1) / (len(pairs) + 2)  # after Laplace: 16 that all differ do not prove that none ever is the same
    needed = max(len(base), math.ceil(math.log(CHANCE) / math.log(alike)))
    if needed > MOST_DRAWS:
        raise WorkersFailed(f"its samples come out alike in {alike:.0%} of cases: too many would have to be read to exclude chance")
    if needed * running.seconds > max(box.left, 1.0 if running.brief else 0.0):
        raise WorkersFailed(f"{needed} samples of each worker would have to be read, at {running.seconds:.2g} s each")
    return (base * math.ceil(needed / len(base)))[:needed]


def _all_equal(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) > 0 and all(map(equal, one, other))


def _example(batches: list[Any]) -> str:
    """The mean of the first samples, by which the same draw is recognised."""
    means = [float(found[0][1].mean()) for batch in batches[:3] if (found := inputs_of(batch)) and found[0][1].size]
    return ", ".join(f"{mean:.4g}" for mean in means)
