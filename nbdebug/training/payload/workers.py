"""Classes and functions of the notebook between a rank and the workers of its DataLoaders, however those are started.

A forked worker has them. One that is spawned, or forked from a server, begins with an empty `__main__`: what it is sent says by number which
function or class of the payload is meant, and the worker reads the payload when it meets the first.
"""

from __future__ import annotations

import os
import types
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from nbdebug.training.payload.arriving import Delivered
from nbdebug.training.rank import guard

_delivered: dict[str, Delivered] = {}  # path of a payload → what came with it
_numbers: dict[int, tuple[str, str, int]] = {}  # id → (path, digest, place in `made`); `_delivered` keeps them alive


def remember(path: Path, digest: str, delivered: Delivered) -> None:
    """From now on these are sent by number to whatever process this one starts or talks to."""
    _delivered[str(path)] = delivered
    _numbers.update((id(thing), (str(path), digest, number)) for number, thing in enumerate(delivered.made))
    ForkingPickler.reducer_override = _by_number  # type: ignore[attr-defined]


def thing(path: str, digest: str, number: int, rank: int) -> Any:
    """What another process means by this number.

    Args:
        rank: pid of who says it; a worker that begins here ends with it, also one whose parent is a server.
    """
    if path not in _delivered:
        from nbdebug.training.payload.reading import load

        load(Path(path), digest)
        guard.watch(rank, guard.end_with_children)
    return _delivered[path].made[number]


def _by_number(pickler: Any, obj: Any) -> Any:
    known = _numbers.get(id(obj)) if isinstance(obj, (type, types.FunctionType)) else None
    return (thing, (*known, os.getpid())) if known is not None else NotImplemented
