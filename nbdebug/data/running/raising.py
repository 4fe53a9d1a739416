"""Which sample it was that raised in a worker."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from nbdebug.data.running.asked import Raised, Running, fetch


def culprit(running: Running, raised: Raised | None, seconds: float) -> Raised | None:
    """The sample or batch that raises here as well, in the order of the loader; otherwise what the worker said."""
    if raised is None or running.iterable:
        return raised
    started, known = time.perf_counter(), len(running.raised)
    with running.put_back():
        try:
            for indices in running.loader.batch_sampler or ([index] for index in running.loader.sampler):
                if time.perf_counter() - started > seconds:
                    return raised
                if not _read(running, indices):
                    break
        except Exception as error:  # the sampler
            running.note(f"{running.name}, its sampler", error)
    if len(running.raised) > known:
        return running.raised[-1]
    return replace(raised, only_in_workers=running.workers > 0)


def _read(running: Running, indices: Any) -> bool:
    """Whether a batch can be put together; what raised is noted."""
    items = []
    for index in indices:
        try:
            items.append(fetch(running.dataset, index))
        except Exception as error:
            running.note(f"dataset index {index}", error)
            return False
    try:
        running.loader.collate_fn(items)
    except Exception as error:
        running.note(f"collate_fn, dataset indices {', '.join(map(str, list(indices)[:4]))}, …", error)
        return False
    return True
