"""A twin of the loader with real worker processes: do workers, or epochs, repeat the same random samples?"""

from __future__ import annotations

import contextlib
import copy
import math
import multiprocessing
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data._utils import signal_handling

from nbdebug.data.running.again import Repeated, items_again
from nbdebug.data.running.asked import Box, Raised, Running, seed
from nbdebug.data.running.values import equal, inputs_of
from nbdebug.errors import NbdebugError, first_line

CHANCE = 1e-4  # that two workers draw the same all through by accident
MOST_DRAWS = 80  # samples of each worker
PATIENCE = 5.0  # seconds until a worker that answers nothing counts as hanging
PATIENCE_AT_START = 40.0  # where processes import everything anew
SHARED = 0.9  # of one worker's samples that another delivered too
STREAMED = 8  # batches of an iterable dataset that are compared
PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)')


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


class WorkersFailed(NbdebugError):
    """The workers could not be asked; the text says why, `raised` what a sample raised in one."""

    def __init__(self, text: str, raised: Raised | None = None) -> None:
        super().__init__(text)
        self.raised = raised


def worker_look(running: Running, repeated: Repeated | None, box: Box) -> WorkerLook | None:
    """None when nothing is random, and so nothing can repeat.

    Raises:
        WorkersFailed: no answer, and why.
    """
    demand_workers(running, brief=running.brief)
    if running.iterable:
        return _streams(running)
    if running.why_not or repeated is None or not repeated.random:
        return None
    indices = _sequence(running, box)
    if indices is None:
        return None
    workers = min(running.workers, 2) or 2
    asked = [[index] for index in indices for _ in range(workers)]
    epochs = _epochs(running, asked, workers, 1 if box.left <= 0 else 2)
    streams = [[epoch[n::workers] for n in range(workers)] for epoch in epochs]
    first = streams[0][0]
    return WorkerLook(
        running.workers or workers, len(indices),
        workers > 1 and all(_all_equal(first, other) for other in streams[0][1:]),
        len(streams) > 1 and _all_equal(first, streams[1][0]),
        0.0, running.workers == 0, _example(first), tuple(dict.fromkeys(i for i in indices if isinstance(i, int))),
    )  # fmt: skip


def demand_workers(running: Running, *, brief: bool) -> None:
    """Raises WorkersFailed unless processes like the user's can be started here."""
    if multiprocessing.current_process().daemon:
        raise WorkersFailed("this process may not start others")
    if type(running.loader).__iter__ is not DataLoader.__iter__:
        raise WorkersFailed(f"{type(running.loader).__name__} has an __iter__ of its own, and a twin would not be asked in order")
    if brief and _method(running.loader) != "fork":
        raise WorkersFailed("its workers are spawned, which takes seconds: nbdebug.loader_audit asks them")


def _method(loader: DataLoader) -> str:
    context = getattr(loader, "multiprocessing_context", None)
    return context.get_start_method() if context is not None else multiprocessing.get_start_method()


def _sequence(running: Running, box: Box) -> list[Any] | None:
    """The samples that each worker is asked for, so many that chance does not make them equal; None: they hardly ever differ."""
    base = running.indices[:4]
    rounds = max(1, 16 // len(base))
    one, two = (items_again(running, base * rounds, start, box) for start in (1, 2))
    pairs = [equal(a, b) for a, b in zip(one, two, strict=False)]
    if not pairs or all(pairs):
        return None
    alike = (sum(pairs) + 1) / (len(pairs) + 2)  # after Laplace: 16 that all differ do not prove that none ever is the same
    needed = max(len(base), math.ceil(math.log(CHANCE) / math.log(alike)))
    if needed > MOST_DRAWS:
        raise WorkersFailed(f"its samples come out alike in {alike:.0%} of cases: too many would have to be read to exclude chance")
    if needed * running.seconds > max(box.left, 1.0):
        raise WorkersFailed(f"{needed} samples of each worker would have to be read, at {running.seconds:.2g} s each")
    return (base * math.ceil(needed / len(base)))[:needed]


# -- the twin ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def twin(running: Running, *, workers: int, sampler: Any = None, **changes: Any) -> Iterator[DataLoader]:
    """A loader like the user's with processes of its own, which are gone afterwards."""
    loader = running.loader
    made = copy.copy(loader)
    options = {
        "num_workers": workers, "persistent_workers": loader.persistent_workers and workers > 0, "pin_memory": False,
        "prefetch_factor": (loader.prefetch_factor or 2) if workers else None, "timeout": _patience(running) if workers else 0,
        "generator": _copy_of(loader.generator), "_iterator": None, **changes,
    }  # fmt: skip
    if sampler is not None:
        options["batch_sampler"] = sampler
    vars(made).update(options)
    with running.put_back(), _own_signals():
        try:
            yield made
        finally:
            _end(made)


def _patience(running: Running) -> float:
    least = PATIENCE if _method(running.loader) == "fork" else PATIENCE_AT_START
    return max(least, 10 * running.seconds * (running.loader.batch_size or 1))


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """torch tells of dying workers by a signal handler, and leaves it behind."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        yield
        return
    handler, told = signal.getsignal(signal.SIGCHLD), signal_handling._SIGCHLD_handler_set
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler if handler is not None else signal.SIG_DFL)
        signal_handling._SIGCHLD_handler_set = told


def _copy_of(generator: Any) -> Any:
    if generator is None:
        return None
    other = torch.Generator(generator.device)
    other.set_state(generator.get_state())
    return other


def _end(loader: DataLoader) -> None:
    stop(vars(loader).pop("_iterator", None))


def stop(batches: Any, *, at_once: bool = False) -> None:
    """Ends the processes of an iterator; `at_once` those that would not answer."""
    if not hasattr(batches, "_shutdown_workers"):
        return
    if at_once and batches._worker_pids_set:
        signal_handling._remove_worker_pids(id(batches))  # or torch would raise for every one that is ended
        batches._worker_pids_set = False
        for process in batches._workers:
            process.kill()
    batches._shutdown_workers()


def _epochs(running: Running, asked: list[list[Any]], workers: int, epochs: int) -> list[list[Any]]:
    with twin(running, workers=workers, sampler=asked) as loader:
        seed(0)
        return [list(delivered(loader, running)) for _ in range(epochs)]


def delivered(loader: DataLoader, running: Running, most: int | None = None) -> Iterator[Any]:
    """The batches of a pass; the processes end with it, unless they are persistent.

    Raises:
        WorkersFailed: a worker raised, died or hung.
    """
    batches = None
    try:
        batches = iter(loader)
        yield from islice(batches, most)
    except Exception as error:
        stop(batches, at_once=True)
        if not loader.num_workers:
            running.note(f"{running.name}, in this process", error)
            raise WorkersFailed(f"it raised {running.raised[-1].error}", running.raised[-1]) from error
        raise _failed(error, running) from error
    finally:
        if not loader.persistent_workers:
            stop(batches)


def _failed(error: Exception, running: Running) -> WorkersFailed:
    text = str(error)
    if "timed out" in text:
        return WorkersFailed(f"a worker gave nothing for {_patience(running):g} s")
    if "exited unexpectedly" in text:
        return WorkersFailed(f"a worker died: {first_line(error)}")
    worker = re.search(r"DataLoader worker process (\d+)", text)
    if worker is None:
        return WorkersFailed(f"its workers could not be started: {type(error).__name__}: {first_line(error)}")
    places = [m for m in PLACE.finditer(text) if not re.search(r"site-packages|[\\/]torch[\\/]", m["file"])]
    said = text.strip().splitlines()[-1]
    place = {"file": places[-1]["file"], "line": int(places[-1]["line"])} if places else {}
    raised = Raised(f"worker {worker[1]}", said[:300], only_in_workers=not running.raised, **place)
    return WorkersFailed(f"it raised in {raised.where}: {raised.error}", raised)


# -- iterable datasets ------------------------------------------------------------------------------------------------


def _streams(running: Running) -> WorkerLook | None:
    """Whether two workers deliver the same samples: each reads all, unless the dataset asks get_worker_info()."""
    if running.workers < 2:
        return None
    workers = 2
    with twin(running, workers=workers) as loader:
        seed(0)
        batches = list(delivered(loader, running, STREAMED * workers))
    own = [[_hash(row) for batch in batches[n::workers] for row in _rows(batch)] for n in range(workers)]
    first, second = set(own[0]), set(own[1])
    if len(first) < 2 or not second or len(first) < len(own[0]) / 2:  # samples that are alike anyway
        return None
    share = len(first & second) / max(1, min(len(first), len(second)))
    return WorkerLook(running.workers, len(own[0]), share > SHARED, False, share, False, "")


def _rows(batch: Any) -> list[Any]:
    arrays = inputs_of(batch) or inputs_of([batch])
    size = min((len(array) for _, array in arrays if array.ndim), default=0)
    return [tuple(array[row] for _, array in arrays if array.ndim) for row in range(size)]


def _hash(row: tuple[Any, ...]) -> int:
    return hash(tuple(array.tobytes() for array in row))


def _all_equal(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) > 0 and all(map(equal, one, other))


def _example(batches: list[Any]) -> str:
    """The mean of the first samples, by which the same draw is recognised."""
    means = [float(found[0][1].mean()) for batch in batches[:3] if (found := inputs_of(batch)) and found[0][1].size]
    return ", ".join(f"{mean:.4g}" for mean in means)


def timed_start(loader: DataLoader, running: Running) -> float:
    """Seconds to the first batch, start of the processes included."""
    started = time.perf_counter()
    next(delivered(loader, running, 1), None)
    return time.perf_counter() - started
