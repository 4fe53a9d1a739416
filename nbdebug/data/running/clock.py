"""How fast the loader is as it is configured, where a sample's time goes, and whether the model would wait for it."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from nbdebug import batch as batches
from nbdebug.data.no_model import NoModel
from nbdebug.data.running.asked import Running, seed
from nbdebug.data.running.spots import Spot, spots_of
from nbdebug.data.running.spying import Notes, spied
from nbdebug.data.running.workers import WorkersFailed, delivered, twin
from nbdebug.errors import NbdebugError
from nbdebug.training_setup import TrainingSetup

MOST_BATCHES = 200  # of one measurement
TIMED_SAMPLES = 64  # whose time is divided among the transforms
BETTER = 1.2  # how many times as fast another configuration must be to be named


@dataclass(frozen=True)
class Cost:
    """Where the time of a sample goes."""

    part: str  # "transform[2] Rotate", "the rest of __getitem__", "collate_fn"
    milliseconds: float  # a sample
    share: float  # of all parts


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


@dataclass(frozen=True)
class SpeedLook:
    """The clock of one loader."""

    name: str
    own: Trial
    others: tuple[Trial, ...]
    costs: tuple[Cost, ...]
    step_seconds: float | None  # forward and backward of such a batch; None without a model
    move_seconds: float | None  # of the batch to the model's device; None on the CPU
    cores: int

    @property
    def waiting(self) -> float | None:
        """Share of the time that the model would wait, an estimate: workers load while it computes."""
        if self.step_seconds is None:
            return None
        load, step = self.own.batch_seconds, self.step_seconds + (self.move_seconds or 0.0)
        whole = max(load, step) if self.own.num_workers else load + step
        return max(0.0, (whole - step) / whole) if whole > 0 else 0.0

    @property
    def best(self) -> Trial | None:
        """The fastest other configuration, if it is faster beyond the noise of both."""
        faster = [t for t in self.others if t.spread[1] * BETTER < self.own.spread[0]]
        return min(faster, key=lambda trial: trial.batch_seconds, default=None)


def costs_of(running: Running, seconds: float) -> tuple[Cost, ...]:
    """The time of a sample by transform; what a Compose does itself is its own part."""
    spots, started, totals = spots_of(running.dataset), time.perf_counter(), {}
    read, whole, items = 0, 0.0, []
    with running.put_back(), spied(spots, Notes(values=False)) as notes:
        while read < TIMED_SAMPLES and (not read or time.perf_counter() - started < seconds):
            begun = time.perf_counter()
            item = running.read(running.indices[read % len(running.indices)])
            whole += time.perf_counter() - begun
            read += 1
            items.append(item)
        totals = _exclusive(notes, spots)
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


def trial(running: Running, seconds: float, *, repeats: int = 1, **changes: Any) -> Trial:
    """A configuration measured with a twin of the loader; None of the user's iterators moves.

    Raises:
        WorkersFailed: its workers could not be asked.
    """
    loader = running.loader
    workers = changes.get("num_workers", loader.num_workers)
    options = {
        "prefetch_factor": changes.get("prefetch_factor", (loader.prefetch_factor or 2)) if workers else None,
        "pin_memory": changes.get("pin_memory", loader.pin_memory) and torch.cuda.is_available(),
        "persistent_workers": changes.get("persistent_workers", loader.persistent_workers) and workers > 0,
    }
    firsts, means, counts, samples, started = [], [], [], 0, time.perf_counter()
    for number in range(repeats + (workers == 0)):
        with twin(running, workers=workers, **options) as copied:
            seed(0)
            times, size = _times(copied, running, seconds / repeats)
        if workers == 0 and number == 0 and times[-1] < seconds / repeats:
            continue  # warm-up: files that are read for the first time, kernels that are chosen
        firsts.append(times[0])
        means.append(_steady(times, workers))
        counts.append(len(times))
        samples = max(samples, size)
        if time.perf_counter() - started > seconds:
            break
    middle = statistics.median(means)
    return Trial(
        workers, options["prefetch_factor"], bool(options["pin_memory"]), options["persistent_workers"], statistics.median(firsts),
        min(counts), middle, (min(means), max(means)), samples / middle if middle > 0 else 0.0,
    )  # fmt: skip


def _steady(times: list[float], workers: int) -> float:
    """Seconds a batch. When the first is there every worker has made one: these are not counted."""
    made = len(times) - max(workers, 1)
    return (times[-1] - times[0]) / made if made > 0 else times[-1] / len(times)


def _times(loader: Any, running: Running, seconds: float) -> tuple[list[float], int]:
    """When each batch was there, and samples in one."""
    started, times, size = time.perf_counter(), [], 0
    for batch in delivered(loader, running, MOST_BATCHES):
        times.append(time.perf_counter() - started)
        size = size or (batches.batch_size(batch) or loader.batch_size or 1)
        if times[-1] > seconds:
            break
    if not times:
        raise WorkersFailed("it gave no batch")
    return times, size


def step_seconds(setup: TrainingSetup, running: Running) -> tuple[float | None, float | None]:
    """Forward and backward of a batch of the loader (no update), and its way to the device; (None, None) where it cannot be known."""
    if isinstance(setup.model, NoModel) or (setup.loss_fn is None and setup.batch_loss is None):
        return None, None
    try:
        with twin(running, workers=0) as copied:
            batch = next(iter(delivered(copied, running, 1)))
        best, moving = float("inf"), 0.0
        for _ in range(3):
            started = time.perf_counter()
            moved = setup.moved(batch)
            _wait(setup)
            moving = time.perf_counter() - started
            with torch.enable_grad():
                setup.backward(setup.loss(moved))
            _wait(setup)
            best = min(best, time.perf_counter() - started - moving)
            if best > 1.0:
                break
    except (NbdebugError, StopIteration):
        return None, None
    return best, moving if setup.device.type != "cpu" else None


def _wait(setup: TrainingSetup) -> None:
    if setup.device.type == "cuda":
        torch.cuda.synchronize(setup.device)


def others(running: Running, seconds: float, *, tune: bool) -> Iterator[Trial]:
    """Other configurations: one that suggests itself, or with `tune` all that make sense."""
    own, cores = running.workers, cores_here()
    if not tune:
        counts = [min(4, cores)] if own == 0 else [min(2 * own, cores)] if 2 * own <= cores else []
    else:
        counts = sorted({0, *(2**n for n in range(8) if 2**n <= cores), cores} - {own})
    tries = len(counts) + (3 if tune else 0)
    measured: list[Trial] = []
    for count in counts:
        with contextlib.suppress(WorkersFailed):
            measured.append(trial(running, seconds / tries, repeats=3 if tune else 2, num_workers=count))
            yield measured[-1]
    if not tune or not measured:
        return
    fastest = min(measured, key=lambda one: one.batch_seconds).num_workers
    further: list[dict[str, Any]] = [{"prefetch_factor": 4}, {"persistent_workers": True}] if fastest else []
    further += [{"pin_memory": True}] if torch.cuda.is_available() else []
    for change in further:
        with contextlib.suppress(WorkersFailed):
            yield trial(running, seconds / tries, repeats=3, num_workers=fastest, **change)


def cores_here() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
