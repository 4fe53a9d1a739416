"""Does a stream begin every epoch with the same random numbers, while the generator that it was given for them stands idle?

A stream that makes its samples from a seed each time may be meant to: then it is a data set that needs no memory. Not so where it holds a generator of its own
that would go on from epoch to epoch, and nothing draws from it.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy
import torch

from nbdebug.data.running.asked import Running
from nbdebug.data.running.reseeding import Calls, heard_seeds, is_own
from nbdebug.data.running.spots import datasets_of
from nbdebug.data.running.values import equal, kept
from nbdebug.source_lines import is_users

SAMPLES, FEWEST, SECONDS = 16, 4, 0.2  # of each of two passes
MAKERS = ("default_rng", "RandomState", "Random", "Generator")


@dataclass(frozen=True)
class Restarted:
    """A seed that every pass over a stream sets, and the generator beside it."""

    function: str
    seed: int | str
    idle: str  # "self.rng"
    samples: int  # that came again
    file: str = ""  # of the line that seeds
    line: int | None = None
    cell: int | None = None


def restarted(running: Running) -> Restarted | None:
    """None where passes differ, nothing is seeded in them, or the stream has no generator that could have gone on."""
    if not running.iterable or not _may_restart(running):
        return None
    (first, calls, idle), (second, again, also) = (_pass(running, draw) for draw in (1, 2))
    held = sorted(idle & also)
    always = [call for call in calls if call in again and is_own(call[0])]
    first, second = first[: len(second)], second[: len(first)]
    if not always or not held or len(first) < FEWEST or not equal(first, second) or all(equal(first[0], other) for other in first[1:]):
        return None
    return Restarted(*always[0], f"self.{held[0]}", len(first), **calls[always[0]])


def _may_restart(running: Running) -> bool:
    """Whether its text makes generators, it holds one, and no iterator that a reading would use up."""
    code = getattr(getattr(type(running.dataset), "__iter__", None), "__code__", None)
    held = [value for _, inner in datasets_of(running.dataset) for value in list(getattr(inner, "__dict__", {}).values())]
    one_pass = any(hasattr(type(value), "__next__") for value in held)
    return code is not None and is_users(code) and not one_pass and bool(set(code.co_names) & set(MAKERS)) and any(map(_state, held))


def _pass(running: Running, draw: int) -> tuple[list[Any], Calls, set[str]]:
    """The first samples of a pass, what was seeded for them, and the names of the generators that stood idle."""
    calls: Calls = {}
    items, started = [], time.perf_counter()
    with running.put_back():
        running.shake(draw)
        before = _states(running)
        with heard_seeds(running, calls):
            for item in islice(iter(running.dataset), SAMPLES):
                items.append(kept(item))
                if time.perf_counter() - started > SECONDS:
                    break
        after = _states(running)
    return items, calls, {name for name, state in before.items() if after.get(name) == state}


def _states(running: Running) -> dict[str, str]:
    held = [(name, value) for _, inner in datasets_of(running.dataset) for name, value in list(getattr(inner, "__dict__", {}).items())]
    return {name: state for name, value in held if (state := _state(value))}


def _state(value: Any) -> str:
    if isinstance(value, numpy.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, numpy.random.RandomState):
        return repr([numpy.asarray(part).tolist() for part in value.get_state()])
    if isinstance(value, random.Random):
        return repr(value.getstate())
    return repr(value.get_state().tolist()) if isinstance(value, torch.Generator) else ""
