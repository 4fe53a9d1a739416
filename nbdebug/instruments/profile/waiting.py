"""The loop with its own loader: how long it waits for each batch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from nbdebug import loading
from nbdebug.data.running import Box, Running, WorkersFailed
from nbdebug.data.running.twin import delivered, twin
from nbdebug.instruments.profile.result import Waiting
from nbdebug.step_cost import Stepper, wait

STEADY = 3  # steps at least, after those whose batches were ready before


def waited(step: Stepper, box: Box, *, steps: int, notes: list[str], **changes: Any) -> Waiting | None:
    """Trains on the loader's own batches, and times both halves of the loop; None where there was no time for it.

    Args:
        changes: options of the loader that are to be others, such as num_workers.
    """
    loader = step.setup.train_loader
    if not isinstance(loader, DataLoader):
        batches = (given.batch for given in loading.read(loader))
        return _loop(step, batches, box, steps, ready=1, workers=0, by="its batches as they come")
    running = Running(loader, "train_loader", samples=2, brief=False, patience=max(0.1, box.left / 4))
    workers = changes.pop("num_workers", loader.num_workers)
    ready = 1 + workers * (loader.prefetch_factor or 2) if workers else 1
    try:
        with twin(running, workers=workers, pin_memory=loader.pin_memory, **changes) as copied:
            batches = delivered(copied, running, steps + ready, box)
            return _loop(step, batches, box, steps + ready, ready=ready, workers=workers, by="a twin of your loader")
    except WorkersFailed as failed:
        notes.append(f"waiting for data was not measured: {failed}")
        return None


def _loop(step: Stepper, batches: Iterator[Any], box: Box, steps: int, *, ready: int, workers: int, by: str) -> Waiting | None:
    waits, works = [], []
    device = step.setup.device
    started = time.perf_counter()
    for batch in batches:
        waits.append(time.perf_counter() - started)
        started = time.perf_counter()
        step(batch)
        wait(device)
        works.append(time.perf_counter() - started)
        if len(waits) >= steps or box.left <= 0:
            break
        started = time.perf_counter()
    first = ready if len(waits) >= ready + STEADY else 1  # a short pass is over before its queue is empty
    if len(waits) - first < 1:
        return None
    count = len(waits) - first
    return Waiting(sum(waits[first:]) / count, sum(works[first:]) / count, count, workers, by)
