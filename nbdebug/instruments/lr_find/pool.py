"""The batches of one repeat: read once, so that every rate meets the same ones in the same order."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from nbdebug import batch as batches
from nbdebug import loading
from nbdebug.errors import SetupError

MOST_BYTES = 256 * 2**20  # of batches that are held; our choice. What does not fit is not read, and those that do come round again
FEWEST = 4  # batches, however large or slow


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Pass after pass; a finite loader is begun again. It ends only where a loader gives nothing the second time."""
    began = False
    while True:
        try:
            for delivered in loading.read(loader):
                began = True
                yield delivered.batch
        except SetupError:
            if not began:
                raise
            return


def pool(given: Iterator[Any], count: int, until: float) -> list[Any]:
    """The next `count` batches, or as many as memory, the clock and the loader allow.

    Args:
        until: on time.perf_counter.
    """
    held: list[Any] = []
    size = 0
    for batch in given:
        held.append(batch)
        size += sum(tensor.nbytes for _, tensor in batches.tensors(batch))
        if len(held) >= count or (len(held) >= FEWEST and (size > MOST_BYTES or time.perf_counter() > until)):
            break
    return held
