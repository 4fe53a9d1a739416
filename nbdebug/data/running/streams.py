"""Whether two workers of an iterable dataset deliver the same samples."""

from __future__ import annotations

from typing import Any

from nbdebug.data.running.asked import Running, seed
from nbdebug.data.running.box import Box
from nbdebug.data.running.twin import delivered, twin
from nbdebug.data.running.values import inputs_of

STREAMED = 8  # batches of each worker that are compared
WORKERS = 2


def same_stream(running: Running, box: Box | None) -> tuple[int, float] | None:
    """Samples of the first worker, and which share of them the other delivered too: each reads all, unless it asks get_worker_info().

    None where nothing can be said.
    """
    if running.workers < WORKERS:
        return None
    with twin(running, workers=WORKERS) as loader:
        seed(0)
        batches = list(delivered(loader, running, STREAMED * WORKERS, box))
    own = [[_hash(row) for batch in batches[n::WORKERS] for row in _rows(batch)] for n in range(WORKERS)]
    first, second = set(own[0]), set(own[1])
    if len(first) < 2 or not second or len(first) < len(own[0]) / 2:  # samples that are alike anyway
        return None
    return len(own[0]), len(first & second) / max(1, min(len(first), len(second)))


def _rows(batch: Any) -> list[Any]:
    arrays = inputs_of(batch) or inputs_of([batch])
    size = min((len(array) for _, array in arrays if array.ndim), default=0)
    return [tuple(array[row] for _, array in arrays if array.ndim) for row in range(size)]


def _hash(row: tuple[Any, ...]) -> int:
    return hash(tuple(array.tobytes() for array in row))
