"""Arrays that a dataset reads from: its attributes, its classes', and the globals and closures of the functions under it."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.running.asked import Running
from nbdebug.data.running.overflow import is_narrow
from nbdebug.data.running.values import SMALLEST

DEEPEST = 2  # functions that close over functions, and containers in containers
MOST_PARTS = 16  # of a sample


@dataclass(frozen=True)
class Held:
    """One array of narrow integers, or a list of such, and how another comes into its place."""

    name: str
    value: Any
    put: Callable[[Any], None]
    back: Callable[[], None]


def narrow_arrays(running: Running) -> list[Held]:
    """Those that can be exchanged for a time, each place once."""
    found = [held for holder in running.holders() for held in _of_object(holder)]
    for _, space, names in running.namespaces():
        found += [_in_dict(space, name) for name in sorted(names) if is_narrow_array(space[name])]
    found += _in_cells(running.functions())
    return found


def unheard(running: Running) -> tuple[str, ...]:
    """Names of attributes that hold such arrays in a tuple, which nothing can be exchanged in."""
    held = [(name, value) for holder in running.holders() for name, value in list(vars(holder).items()) if type(value) is tuple]
    return tuple(dict.fromkeys(name for name, values in held if any(isinstance(v, numpy.ndarray) and is_narrow(v.dtype) and v.size >= SMALLEST for v in values)))


@contextlib.contextmanager
def exchanged(held: list[Held], stand_in: Callable[[Any], Any]) -> Iterator[None]:
    """In the place of each what `stand_in(value)` gives; put back afterwards, whatever the reading has bound there."""
    done = []
    try:
        for one in held:
            done.append(one)
            one.put(stand_in(one.value))
        yield
    finally:
        for one in done:
            one.back()


def is_narrow_array(value: Any) -> bool:
    """Whether arithmetic on this may wrap round, or a cast of it cut off: rows of bytes, say, or a list of arrays of them."""
    if type(value) is list and value:  # of images, say, which need not all be of bytes, or of whole samples
        return any(array.dtype.kind in "iuf" and array.size >= SMALLEST for array in _arrays_of(value[0], DEEPEST))
    return isinstance(value, numpy.ndarray) and (is_narrow(value.dtype) or value.dtype.kind == "f") and value.ndim >= 1 and value.size >= SMALLEST


def _arrays_of(item: Any, deep: int) -> Iterator[numpy.ndarray]:
    """The array that it is, or those in its tuples, lists and dicts."""
    if isinstance(item, numpy.ndarray):
        yield item
    elif deep and type(item) in (tuple, list, dict):
        for part in list(item.values() if type(item) is dict else item)[:MOST_PARTS]:
            yield from _arrays_of(part, deep - 1)


def _of_object(inner: Any) -> Iterator[Held]:
    own = vars(inner)
    for space in (own, *(value for value in list(own.values()) if type(value) is dict)):
        yield from (_in_dict(space, name) for name, value in list(space.items()) if is_narrow_array(value))
    shared = {name: value for owner in reversed(type(inner).__mro__) for name, value in vars(owner).items()}
    for name, value in shared.items():
        if name not in own and is_narrow_array(value):  # an attribute of the object goes before that of its class
            yield Held(name, value, lambda other, name=name: own.__setitem__(name, other), lambda name=name: own.pop(name, None))


def _in_dict(space: dict[Any, Any], name: Any) -> Held:
    value = space[name]
    return Held(str(name), value, lambda other: space.__setitem__(name, other), lambda: space.__setitem__(name, value))


def _in_cells(functions: list[types.FunctionType]) -> list[Held]:
    cells: dict[int, tuple[str, types.CellType]] = {}
    for function in functions:
        for name, cell in _cells(function, DEEPEST):
            cells.setdefault(id(cell), (name, cell))
    return [_in_cell(name, cell) for name, cell in cells.values()]


def _cells(function: types.FunctionType, deep: int) -> Iterator[tuple[str, types.CellType]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # nothing is in it yet
            if is_narrow_array(cell.cell_contents):
                yield name, cell
            elif deep and isinstance(cell.cell_contents, types.FunctionType):
                yield from _cells(cell.cell_contents, deep - 1)


def _in_cell(name: str, cell: types.CellType) -> Held:
    value = cell.cell_contents

    def put(other: Any) -> None:
        cell.cell_contents = other

    return Held(name, value, put, lambda: put(value))
