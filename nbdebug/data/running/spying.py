"""Spies in the places of the transforms: each call's input, output and time, step by step; what goes in can be exchanged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nbdebug.data.running.spots import Spot
from nbdebug.data.running.values import kept

Exchange = Callable[[Spot, tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]


@dataclass
class Call:
    """One call of a transform."""

    spot: Spot
    given: Any  # a tuple of the positional arguments, or the dict of the named ones
    output: Any
    seconds: float
    outermost: bool


@dataclass
class Notes:
    """What the spies heard."""

    calls: list[Call] = field(default_factory=list)
    exchange: Exchange | None = None  # of what goes into an outermost transform
    values: bool = True  # False: times only, as fast as can be
    depth: int = 0


class Spy:
    """Stands in for a transform, and looks like it to isinstance and to who asks for its attributes."""

    def __init__(self, spot: Spot, notes: Notes) -> None:
        object.__setattr__(self, "_spied", (spot, notes))

    @property
    def __class__(self) -> type:  # type: ignore[override]
        return type(object.__getattribute__(self, "_spied")[0].original)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        spot, notes = object.__getattribute__(self, "_spied")
        outermost = notes.depth == 0
        if outermost and notes.exchange is not None:
            args, kwargs = notes.exchange(spot, args, kwargs)
        given = kept(args or kwargs) if notes.values else None
        notes.depth += 1
        started = time.perf_counter()
        try:
            output = spot.original(*args, **kwargs)
        finally:
            notes.depth -= 1
        seconds = time.perf_counter() - started
        notes.calls.append(Call(spot, given, kept(output) if notes.values else None, seconds, outermost))
        return output

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_spied")[0].original, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_spied")[0].original, name, value)

    def __bool__(self) -> bool:
        return bool(object.__getattribute__(self, "_spied")[0].original)

    def __iter__(self) -> Iterator[Any]:
        return iter(object.__getattribute__(self, "_spied")[0].original)

    def __len__(self) -> int:
        return len(object.__getattribute__(self, "_spied")[0].original)

    def __getitem__(self, key: Any) -> Any:
        return object.__getattribute__(self, "_spied")[0].original[key]


@contextlib.contextmanager
def spied(spots: list[Spot], notes: Notes) -> Iterator[Notes]:
    """The transforms replaced by spies, and put back."""
    try:
        for spot in spots:
            spot.place[spot.key] = Spy(spot, notes)
        yield notes
    finally:
        for spot in spots:
            if spot.added:
                spot.place.pop(spot.key, None)
            else:
                spot.place[spot.key] = spot.original
