"""Spies in the places of the transforms: each call's input, output and time, step by step; what goes in can be exchanged."""

from __future__ import annotations

import contextlib
import functools
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nbdebug.data.running.spots import Spot
from nbdebug.data.running.values import kept

OWN = frozenset(  # special methods that are answered by Python itself, or by the stand-in
    ["__class__", "__new__", "__init__", "__init_subclass__", "__subclasshook__", "__getattribute__", "__reduce__", "__del__", "__get__",
     "__set__", "__delete__", "__set_name__", "__prepare__", "__class_getitem__", "__getstate__", "__setstate__", "__sizeof__"]
)  # fmt: skip

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
    """Stands in for a transform: what is asked of it, the original answers, special methods included, but for the call."""

    def __init__(self, spot: Spot, notes: Notes) -> None:
        object.__setattr__(self, "_spied", (spot, notes))

    @property
    def __class__(self) -> type:  # type: ignore[override]
        return type(_original(self))

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
        return getattr(_original(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_original(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_original(self), name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _itself, (_original(self),)  # what is pickled or copied is the original


def _original(spy: Spy) -> Any:
    return object.__getattribute__(spy, "_spied")[0].original


def _itself(original: Any) -> Any:
    return original


@functools.lru_cache(maxsize=256)
def spy_class(kind: type) -> type[Spy]:
    """A Spy with those special methods that this class has, and no others: a function has no length, and is true."""
    names = [n for n in dir(kind) if n.startswith("__") and n.endswith("__") and n not in OWN and n not in vars(Spy)]
    methods = {name: _forwarded(kind, name) for name in names if callable(getattr(kind, name, None))}
    if isinstance(getattr(kind, "__call__", None), types.FunctionType):  # noqa: B004  asked for its signature
        methods["__call__"] = _called_like(kind.__call__)
    if kind.__hash__ is None:
        methods["__hash__"] = None  # type: ignore[assignment]
    return type("Spy", (Spy,), methods)


def _called_like(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(self: Spy, *args: Any, **kwargs: Any) -> Any:
        return Spy.__call__(self, *args, **kwargs)

    return call


def _forwarded(kind: type, name: str) -> Callable[..., Any]:
    def forward(self: Spy, *args: Any, **kwargs: Any) -> Any:
        others = [_original(value) if issubclass(type(value), Spy) else value for value in args]
        return getattr(kind, name)(_original(self), *others, **kwargs)

    return forward


@contextlib.contextmanager
def spied(spots: list[Spot], notes: Notes) -> Iterator[Notes]:
    """The transforms replaced by spies, and put back."""
    try:
        for spot in spots:
            spot.place[spot.key] = spy_class(type(spot.original))(spot, notes)
        yield notes
    finally:
        for spot in spots:
            if spot.added:
                spot.place.pop(spot.key, None)
            else:
                spot.place[spot.key] = spot.original
