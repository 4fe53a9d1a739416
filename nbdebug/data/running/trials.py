"""Configurations of the loader, each measured with a twin of it."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from nbdebug import batch as batches
from nbdebug.data.running.asked import Running, seed
from nbdebug.data.running.box import Box
from nbdebug.data.running.twin import WorkersFailed, batch_seconds, delivered, twin

MOST_BATCHES = 200  # of one measurement
ENOUGH = 1.5  # times what a batch takes: so long a configuration may be tried at least


@dataclass(frozen=True)
class Trial:
    """One configuration, measured."""

    num_workers: int
    prefetch_factor: int | None
    pin_memory: bool
    persistent_workers: bool
    first_batch: float  # seconds until the first batch is there, the start of the processes included
    batches: int  # measured after it
    batch_seconds: float  # one batch, the median of the repetitions
    spread: tuple[float, float]  # the fastest and the slowest of them
    samples_per_second: float

    def options(self) -> str:
        """As arguments of a DataLoader."""
        said = [f"num_workers={self.num_workers}"]
        said += [f"prefetch_factor={self.prefetch_factor}"] if self.num_workers and self.prefetch_factor not in (None, 2) else []
        said += ["pin_memory=True"] if self.pin_memory else []
        said += ["persistent_workers=True"] if self.persistent_workers else []
        return ", ".join(said)


def trial(running: Running, box: Box, *, repeats: int = 1, **changes: Any) -> Trial:
    """A configuration measured with a twin of the loader, at most as long as the box lasts; none of the user's iterators moves.

    Raises:
        WorkersFailed: its workers could not be asked, or no batch was there in time.
    """
    loader = running.loader
    workers = changes.get("num_workers", loader.num_workers)
    options = {
        "prefetch_factor": changes.get("prefetch_factor", (loader.prefetch_factor or 2)) if workers else None,
        "pin_memory": changes.get("pin_memory", loader.pin_memory) and torch.cuda.is_available(),
        "persistent_workers": changes.get("persistent_workers", loader.persistent_workers) and workers > 0,
    }
    passes: list[list[float]] = []
    samples, each = 0, box.seconds / repeats
    for number in range(repeats + (workers == 0)):
        if passes and box.left <= passes[-1][0]:  # there would be no batch in time
            break
        with twin(running, workers=workers, **options) as copied:
            seed(0)
            times, size = _times(copied, running, each, box)
        if workers == 0 and number == 0 and times and times[-1] < each:
            continue  # warm-up: files that are read for the first time, kernels that are chosen
        passes += [times] if times else []
        samples = max(samples, size)
    if not passes:
        raise WorkersFailed(f"a batch could not be loaded in the {box.seconds:.2g} s there were for it")
    means = [_steady(times, workers) for times in passes]
    middle = statistics.median(means)
    return Trial(
        workers, options["prefetch_factor"], bool(options["pin_memory"]), options["persistent_workers"],
        statistics.median(times[0] for times in passes), min(map(len, passes)), middle, (min(means), max(means)),
        samples / middle if middle > 0 else 0.0,
    )  # fmt: skip


def _steady(times: list[float], workers: int) -> float:
    """Seconds a batch. When the first is there every worker has made one: these are not counted."""
    made = len(times) - max(workers, 1)
    return (times[-1] - times[0]) / made if made > 0 else times[-1] / len(times)


def _times(loader: Any, running: Running, seconds: float, box: Box) -> tuple[list[float], int]:
    """When each batch was there, and samples in one; no more batches than this time and the box allow.

    Raises:
        WorkersFailed: there is no batch, although there was time.
    """
    started, times, size = time.perf_counter(), [], 0
    for batch in delivered(loader, running, MOST_BATCHES, box):
        times.append(time.perf_counter() - started)
        size = size or (batches.batch_size(batch) or loader.batch_size or 1)
        if times[-1] > seconds:
            break
    else:
        if not times and box.left > batch_seconds(running):
            raise WorkersFailed("it gave no batch")
    return times, size


def others(running: Running, box: Box, *, tune: bool) -> Iterator[Trial | str]:
    """Other configurations: one that suggests itself, or with `tune` all that make sense; a text for one that was not measured."""
    own, cores = running.workers, cores_here()
    if not tune:
        counts = [min(4, cores)] if own == 0 else [min(2 * own, cores)] if 2 * own <= cores else []
    else:
        counts = sorted({0, *(2**n for n in range(8) if 2**n <= cores), cores} - {own})
    repeats, tries = (3, len(counts) + 3) if tune else (2, len(counts))
    least = ENOUGH * batch_seconds(running)
    measured: list[Trial] = []
    for count in counts:
        found = _tried(running, box.part(1 / tries, least=least), repeats, num_workers=count)
        measured += [found] if isinstance(found, Trial) else []
        yield found
    if not tune or not measured:
        return
    fastest = min(measured, key=lambda one: one.batch_seconds).num_workers
    further: list[dict[str, Any]] = [{"prefetch_factor": 4}, {"persistent_workers": True}] if fastest else []
    further += [{"pin_memory": True}] if torch.cuda.is_available() else []
    for change in further:
        yield _tried(running, box.part(1 / tries, least=least), repeats, num_workers=fastest, **change)


def _tried(running: Running, box: Box, repeats: int, **changes: Any) -> Trial | str:
    """The trial, or why there is none."""
    try:
        return trial(running, box, repeats=repeats, **changes)
    except WorkersFailed as failed:
        return f"{', '.join(f'{name}={value}' for name, value in changes.items())}: {failed}"


def cores_here() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
