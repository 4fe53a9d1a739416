"""Does a dataset remember what it drew? A cache around a random crop or noise hands out the first draw in every epoch.

A sample is read twice under other random numbers, once as it is, and once with the cache out of the way: where only that makes the two
readings differ, the cache has frozen the augmentation. Caches are functools', or a dict or list in which reading a sample leaves an entry of its own.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.running.again import purpose_of
from nbdebug.data.running.asked import Running
from nbdebug.data.running.passing import Passage
from nbdebug.data.running.spots import datasets_of
from nbdebug.data.running.values import equal
from nbdebug.source_lines import is_users

READ, FEWEST = 3, 2  # samples
LOOKED_THROUGH = 20_000  # entries of a dict


@dataclass(frozen=True)
class Remembered:
    """A cache under a random sample."""

    name: str  # "CallWindows.window", "self.cache"
    samples: int
    file: str = ""  # of the function that is remembered
    line: int | None = None


@dataclass(frozen=True)
class _Cache:
    """A function of functools' that remembers, and where it hangs."""

    space: Any  # a class, or a dict of globals
    name: str
    held: Any

    def put(self, value: Any) -> None:
        if isinstance(self.space, dict):
            self.space[self.name] = value
        else:
            setattr(self.space, self.name, value)


def remembered(running: Running) -> Remembered | None:
    """The cache, where all of the samples that are asked say so, and these are samples of its own that the dataset augments."""
    caches, drawn, holding = list(_caches(running)), {}, set()
    for index in running.indices[:READ]:
        one, again, held = _as_it_is(running, caches, index)
        if one is None or not equal(one, again) or not (caches or held):
            return None
        fresh, other = (_afresh(running, caches, index, draw) for draw in (1, 2))
        if fresh is None or other is None or equal(fresh, other):
            return None
        drawn[index] = [Passage(index, 0, fresh), Passage(index, 1, other)]
        holding.add(tuple(held))
    if len(drawn) < FEWEST or purpose_of(running, drawn):
        return None
    if caches:
        code = getattr(caches[0].held.__wrapped__, "__code__", None)
        known = code is not None and is_users(code)
        owner = f"{caches[0].space.__name__}." if isinstance(caches[0].space, type) else ""
        return Remembered(f"{owner}{caches[0].name}", len(drawn), code.co_filename if known else "", code.co_firstlineno if known else None)
    name = next(iter(holding))[0] if len(holding) == 1 else ""
    return Remembered(f"self.{name}", len(drawn)) if name else None


def _caches(running: Running) -> Iterator[_Cache]:
    kinds = dict.fromkeys(kind for _, inner in datasets_of(running.dataset) for kind in type(inner).__mro__)
    yield from (_Cache(kind, name, value) for kind in kinds for name, value in list(vars(kind).items()) if _remembers(value))
    for _, space, names in running.namespaces():
        yield from (_Cache(space, name, space[name]) for name in sorted(names) if _remembers(space.get(name)))


def _remembers(value: Any) -> bool:
    return hasattr(value, "cache_clear") and callable(getattr(value, "__wrapped__", None))


@contextlib.contextmanager
def _instead(caches: list[_Cache], *, remember: bool) -> Iterator[None]:
    """In the place of each cache the function itself, or an empty cache of it; the user's own stays as full as it is."""
    done = []
    try:
        for one in caches:
            done.append(one)
            plain = one.held.__wrapped__
            one.put(functools.lru_cache(maxsize=None)(plain) if remember else plain)
        yield
    finally:
        for one in done:
            one.put(one.held)


def _as_it_is(running: Running, caches: list[_Cache], index: Any) -> tuple[Any, Any, list[str]]:
    """The sample twice under other random numbers, and the containers in which reading it left an entry of its own."""
    with running.put_back(), _instead(caches, remember=True):
        before = _entries(running, index)
        running.shake(1)
        one = running.read(index)
        after = _entries(running, index)
        running.shake(2)
        return one, running.read(index), [name for name, there in after.items() if there and not before.get(name, False)]


def _afresh(running: Running, caches: list[_Cache], index: Any, draw: int) -> Any:
    with running.put_back(), _instead(caches, remember=False):
        running.shake(draw)
        return running.read(index)


def _entries(running: Running, index: Any) -> dict[str, bool]:
    """By name of attribute, whether a dict or a list has something for this sample."""
    found = {}
    for _, inner in datasets_of(running.dataset):
        for name, value in list(getattr(inner, "__dict__", {}).items()):
            if isinstance(value, dict):
                found[name] = index in value or len(value) <= LOOKED_THROUGH and any(_is_for(key, index) for key in list(value) if isinstance(key, tuple))
            elif type(value) is list and isinstance(index, int | numpy.integer) and 0 <= index < len(value):
                found[name] = value[int(index)] is not None
    return found


def _is_for(key: tuple[Any, ...], index: Any) -> bool:
    return any(type(part) in (int, str) and part == index for part in key)
