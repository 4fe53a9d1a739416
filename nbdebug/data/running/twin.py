"""A twin of the loader with processes of its own: its batches until a deadline, and nothing left of it afterwards."""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import re
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data._utils import signal_handling

from nbdebug.data.running.asked import Raised, Running
from nbdebug.data.running.box import Box
from nbdebug.errors import NbdebugError, first_line

PATIENCE = 5.0  # seconds until a worker that answers nothing counts as hanging
PATIENCE_AT_START = 40.0  # where processes import everything anew
AWAITED = 0.2  # seconds for a batch, above which a worker in the midst of one is not waited for when it is to end
PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)')


class WorkersFailed(NbdebugError):
    """The workers could not be asked; the text says why, `raised` what a sample raised in one."""

    def __init__(self, text: str, raised: Raised | None = None) -> None:
        super().__init__(text)
        self.raised = raised


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
            stop(vars(made).pop("_iterator", None), at_once=batch_seconds(running) > AWAITED)


def batch_seconds(running: Running) -> float:
    """What a batch should take in one process; 0 where no sample was asked."""
    return running.seconds * (running.loader.batch_size or 1)


def _patience(running: Running) -> float:
    least = PATIENCE if _method(running.loader) == "fork" else PATIENCE_AT_START
    return max(least, 10 * batch_seconds(running))


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


def delivered(loader: DataLoader, running: Running, most: int | None = None, box: Box | None = None) -> Iterator[Any]:
    """The batches of a pass, as many as the box has time for; the processes end with it, unless they are persistent.

    A batch that this process would have to load is not begun when it cannot be ready in time; workers are ended in the midst of one.

    Raises:
        WorkersFailed: a worker raised, died or hung.
    """
    batches, late = None, False
    try:
        batches, count, longest = iter(loader), 0, batch_seconds(running)
        while most is None or count < most:
            late = box is not None and box.left <= (0.0 if loader.num_workers else longest)
            if late:
                return
            if box is not None and loader.num_workers:
                batches._timeout = min(_patience(running), box.left)
            started = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            longest = max(longest, time.perf_counter() - started)
            yield batch
            count += 1
    except Exception as error:
        late = box is not None and box.left <= 0 and "timed out" in str(error)
        stop(batches, at_once=True)
        if late:
            return
        if not loader.num_workers:
            running.note(f"{running.name}, in this process", error)
            raise WorkersFailed(f"it raised {running.raised[-1].error}", running.raised[-1]) from error
        raise _failed(error, running) from error
    finally:
        if late or not loader.persistent_workers:
            stop(batches, at_once=late or batch_seconds(running) > AWAITED)


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
