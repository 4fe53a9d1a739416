"""What ranks and kernel say to each other: one JSON object a message, the same over a pipe and in events-rank<r>.jsonl.

    {"v": 1, "k": "metric", "r": 0, "a": 0, "seq": 17, "t": 1763728441.2, "step": 120, "metrics": {"loss": 0.41}}

`v` version, `k` kind, `r` rank, `a` attempt (counts restarts), `seq` number of the message in that rank, `t` seconds since 1970.

| rank → kernel | fields | |
|---|---|---|
| hello | pid, host, device, preloaded, versions | the process is up |
| loaded | seconds | the payload is unpickled |
| ready | seconds | the process group stands |
| first_step | seconds | of the wall clock, since the call |
| beat | step, epoch, phase, memory, data_wait, samples_per_second | once a second, from a thread: "I live"; phase: start, train, validate, checkpoint, paused, end |
| metric | step, epoch, metrics | lossy: the oldest waiting ones are dropped first |
| validation | step, epoch, metrics | never dropped |
| log | stream, text | what was printed; lossy past a cap, the file keeps all |
| checkpoint | path, step, why | |
| snapshot | path, step, token | |
| capsule | path, step | |
| finding | finding (plain) | |
| preflight | verdicts (plain) | of a setup or a model that is made in the ranks |
| note | text | a sentence for the user |
| dropped | kind, count | so many were dropped |
| stacks | text | |
| stopping | step, reason | all ranks agreed to end before the end |
| error | etype, message, traceback, line (Location as text), secondary, step | `secondary`: it came because another rank went |
| done | result (plain or None), step, weights | |

| kernel → rank | fields | |
|---|---|---|
| stop | reason | |
| pause, resume | | |
| checkpoint_now | | |
| snapshot | rank, token | |
| stacks | | |
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

VERSION = 1
LOSSY = frozenset({"metric", "log"})  # may be dropped when the kernel does not read; everything else is not
FROM_RANK = frozenset(
    "hello loaded ready first_step beat metric validation log checkpoint snapshot capsule finding preflight note dropped stacks stopping error done".split()
)
TO_RANK = frozenset("stop pause resume checkpoint_now snapshot stacks".split())


def event(kind: str, rank: int, attempt: int, seq: int, fields: Mapping[str, Any], at: float | None = None) -> dict[str, Any]:
    """One message, ready for `json.dumps`.

    Args:
        at: when it was said, seconds since 1970; None: now.
    """
    assert kind in FROM_RANK, kind
    said = {name: strict(value) for name, value in fields.items()}
    return {"v": VERSION, "k": kind, "r": rank, "a": attempt, "seq": seq, "t": time.time() if at is None else at, **said}


def command(kind: str, **fields: Any) -> dict[str, Any]:
    """One message of the kernel."""
    assert kind in TO_RANK, kind
    return {"v": VERSION, "k": kind, **fields}


def strict(value: Any) -> Any:
    """A value as strict JSON can hold it: NaN and Inf become words, tuples lists, what is unknown its repr."""
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    return value if value is None or isinstance(value, (str, int, bool)) else repr(value)


def number(value: Any) -> float:
    """A number of an event, which may be one that JSON has no word for."""
    return float(value["float"]) if isinstance(value, Mapping) else float(value)
