"""Does reading a sample start its random numbers anew, with the same seed each time? Then every sample gets the same augmentation."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy
import torch

from nbdebug.data.running.asked import Running
from nbdebug.source_lines import location_fields, users_line

OWN, EVERYBODYS = ((numpy.random, "default_rng"),), ((numpy.random, "seed"), (random, "seed"), (torch, "manual_seed"))
READ = 3  # samples


@dataclass(frozen=True)
class Reseeded:
    """One seed that reading any sample sets."""

    function: str  # "numpy.random.default_rng"
    seed: int
    samples: int  # that were read, each of which set it
    of_all: bool  # of the generator that everybody draws from; False: of one that is made for the purpose
    file: str = ""  # of the line that does it
    line: int | None = None
    cell: int | None = None


def reseeded(running: Running) -> Reseeded | None:
    """The first seed that is set while each of several samples is read."""
    heard: list[dict[tuple[str, int], dict[str, Any]]] = []
    for index in running.indices[:READ]:
        calls: dict[tuple[str, int], dict[str, Any]] = {}
        with running.put_back(), _heard(calls):
            if running.read(index) is None:
                return None
        heard.append(calls)
    if len(heard) < 2:
        return None
    always = [call for call in heard[0] if all(call in calls for calls in heard)]
    if not always:
        return None
    return Reseeded(*always[0], len(heard), not always[0][0].endswith("default_rng"), **heard[0][always[0]])


@contextlib.contextmanager
def _heard(calls: dict[tuple[str, int], dict[str, Any]]) -> Iterator[None]:
    """Notes whole numbers that are given as a seed, with the user's line."""
    originals = [(module, name, getattr(module, name)) for module, name in (*OWN, *EVERYBODYS)]

    def listening(module: Any, name: str, original: Any) -> Any:
        def seeded(*args: Any, **kwargs: Any) -> Any:
            seed = args[0] if args else kwargs.get("seed")
            if isinstance(seed, int | numpy.integer) and not isinstance(seed, bool):
                calls.setdefault((f"{module.__name__}.{name}", int(seed)), location_fields(users_line(depth=2)))
            return original(*args, **kwargs)

        return seeded

    try:
        for module, name, original in originals:
            setattr(module, name, listening(module, name, original))
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)
