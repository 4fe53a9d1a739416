"""Does reading a sample start its random numbers anew, with the same seed each time? Then every sample, or every epoch, gets the same augmentation."""

from __future__ import annotations

import contextlib
import functools
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy
import torch

from nbdebug.data.running.asked import Running
from nbdebug.source_lines import location_fields, users_line

OWN, EVERYBODYS = ((numpy.random, "default_rng"), (numpy.random, "RandomState")), ((numpy.random, "seed"), (random, "seed"), (torch, "manual_seed"))
READ = 3  # samples

Calls = dict[tuple[str, "int | str"], dict[str, Any]]  # what was seeded, and with what → the user's line


@dataclass(frozen=True)
class Reseeded:
    """One seed that reading any sample sets."""

    function: str  # "numpy.random.default_rng"
    seed: int | str  # "[2024, 17]" where it is several numbers
    samples: int  # that were read, each of which set it
    of_all: bool  # of the generator that everybody draws from; False: of one that is made for the purpose
    each: bool = False  # every sample has a seed of its own, the same in every epoch; False: all have the same
    file: str = ""  # of the line that does it
    line: int | None = None
    cell: int | None = None


def reseeded(running: Running) -> Reseeded | None:
    """The first seed that is set while each of several samples is read."""
    heard: list[Calls] = []
    for number, index in enumerate(running.indices[:READ], start=1):
        calls = _seeds(running, index, number)
        if calls is None:
            return None
        heard.append(calls)
    if len(heard) < 2:
        return None
    always = [call for call in heard[0] if all(call in calls for calls in heard)]
    if always:
        return Reseeded(*always[0], len(heard), not is_own(always[0][0]), **heard[0][always[0]])
    return _each(running, heard)


def _each(running: Running, heard: list[Calls]) -> Reseeded | None:
    """A seed that goes by the sample: the same when it is read again, with other random numbers all around."""
    again = [_seeds(running, index, READ + 1 + number) for number, index in enumerate(running.indices[: len(heard)])]
    for call, line in heard[0].items():
        kept = all(any(c[0] == call[0] and c in (other or ()) for c in calls) for calls, other in zip(heard, again, strict=True))
        if kept:
            return Reseeded(*call, len(heard), False, True, **line)
    return None


def is_own(function: str) -> bool:
    """Whether it makes a generator of its own, and leaves the one that everybody draws from alone."""
    return function in ("numpy.random.default_rng", "numpy.random.RandomState", "torch.Generator.manual_seed", "random.Random")


def _seeds(running: Running, index: Any, draw: int) -> Calls | None:
    """What is seeded while this sample is read, with random numbers of this draw all around; None where it raises."""
    calls: Calls = {}
    with running.put_back():
        running.shake(draw)
        with heard_seeds(running, calls):
            item = running.read(index)
    return None if item is None else calls


@contextlib.contextmanager
def heard_seeds(running: Running, calls: Calls) -> Iterator[None]:
    """Notes in `calls` whatever is seeded."""
    with _heard(running, calls), _profiled(calls):
        yield


@contextlib.contextmanager
def _profiled(calls: Calls) -> Iterator[None]:
    """Notes generators of torch and of Python that are seeded: those are types written in C, and cannot be replaced."""

    def profile(frame: FrameType, event: str, asked: Any) -> None:
        if event == "c_return" and getattr(asked, "__name__", "") == "manual_seed" and isinstance(getattr(asked, "__self__", None), torch.Generator):
            if asked.__self__ is not torch.default_generator:
                calls.setdefault(("torch.Generator.manual_seed", asked.__self__.initial_seed()), location_fields(users_line(frame)))
        elif event == "call" and frame.f_code is random.Random.__init__.__code__ and (seed := _seed(frame.f_locals.get("x"))) is not None:
            calls.setdefault(("random.Random", seed), location_fields(users_line(frame)))

    before = sys.getprofile()
    if before is not None:
        yield
        return
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)


@contextlib.contextmanager
def _heard(running: Running, calls: Calls) -> Iterator[None]:
    """Notes what is given as a seed, with the user's line; the functions are replaced where they are, and where the user has imported them by name."""
    originals = [(module, name, getattr(module, name)) for module, name in (*OWN, *EVERYBODYS)]

    def note(module: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if (seed := _seed(args[0] if args else kwargs.get("seed"))) is not None:
            calls.setdefault((f"{module.__name__}.{name}", seed), location_fields(users_line(depth=3)))

    stand_ins = {id(original): _listening(original, functools.partial(note, module, name)) for module, name, original in originals}
    imported = [(space, name, space[name]) for _, space, names in running.namespaces() for name in names if id(space.get(name)) in stand_ins]
    try:
        for module, name, original in originals:
            setattr(module, name, stand_ins[id(original)])
        for space, name, original in imported:
            space[name] = stand_ins[id(original)]
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)
        for space, name, original in imported:
            space[name] = original


def _listening(original: Any, note: Callable[[tuple[Any, ...], dict[str, Any]], None]) -> Any:
    """In the place of a function, or of a class that others may ask for by isinstance."""
    if isinstance(original, type):
        kind = type("Kind", (type(original),), {"__instancecheck__": lambda _, value: isinstance(value, original), "__call__": lambda _, *a, **k: seeded(*a, **k)})

    def seeded(*args: Any, **kwargs: Any) -> Any:
        note(args, kwargs)
        return original(*args, **kwargs)

    return kind(original.__name__, (original,), {}) if isinstance(original, type) else seeded


def _seed(given: Any) -> int | str | None:
    """A seed of whole numbers or words as it can be told; None of anything else."""
    if isinstance(given, int | numpy.integer) and not isinstance(given, bool):
        return int(given)
    if isinstance(given, str | bytes):
        return repr(given)
    if isinstance(given, list | tuple) and given and all(isinstance(part, int | numpy.integer) for part in given):
        return str([int(part) for part in given])
    return None
