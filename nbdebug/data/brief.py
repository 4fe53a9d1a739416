"""One pass over data for its fingerprint alone."""

from __future__ import annotations

import time
from typing import Any

from nbdebug.data.fingerprint import Fingerprint, fingerprint
from nbdebug.data.gathering import Gather
from nbdebug.data.gathering.gather import MEMORY
from nbdebug.data.sources import Source
from nbdebug.errors import StepError
from nbdebug.loading import read


def fingerprint_of(source: Source, seconds: float | None, memory: int = MEMORY) -> Fingerprint:
    """Of a source, as far as it can be read in these seconds (None: all of it); samples that raise are left out and counted.

    Args:
        memory: bytes that the rows may take of which medians and quarters are.

    Raises:
        SetupError: there is nothing to read. StepError: nothing of the first batch could be read.
    """
    started, gather = time.perf_counter(), Gather(source, memory=memory)
    batches: Any = read(source.loader, source.name, lost=gather.lost)
    try:
        for one in batches:
            gather.take(one)
            if seconds is not None and time.perf_counter() - started > seconds:
                break
        gather.whole = next(batches, None) is None
    except StepError as error:
        if not gather.batches:
            raise
        gather.stopped = str(error)
    return fingerprint(gather.split())
