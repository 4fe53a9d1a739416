"""Whether processes are gone."""

from __future__ import annotations

import time

from tests.training.conftest import lives


def gone(pids: list[int], limit: float) -> float:
    """Seconds until none of them is there."""
    began = time.monotonic()
    while any(map(lives, pids)):
        assert time.monotonic() - began < limit, "still there"
        time.sleep(0.01)
    return time.monotonic() - began
