"""Pickling by value: cloudpickle's, with what a training needs besides.

| what | how it travels |
|---|---|
| classes and functions of the notebook | by value, and noted: ranks put them into their own `__main__`, for a DataLoader's workers find them there by name |
| NumPy arrays above 1 MB | as tensors, so that ranks map them from the file instead of copying them |
| arrays that are mapped from a file of the user's | by that file's name |
| hooks on parameters | as hooks on modules do; torch alone would leave them behind |
| nbdebug's own hooks | not |
| a DataLoader with workers at work | without them |
| a function of torch that is tapped just now | by the name it has when it is not |
"""

from __future__ import annotations

import io
import mmap
import pickle
import sys
import types
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import Any

import cloudpickle
import numpy as np
import torch
from cloudpickle.cloudpickle import _extract_code_globals
from torch import Tensor
from torch.utils.data import DataLoader

from nbdebug.source_lines import is_users
from nbdebug.training.payload import arriving

PROTOCOL = 5
LARGE = 1 << 20  # bytes of an array from which it is worth a mapping of its own; our choice, small beside a process


class Record:
    """What was met while one job was pickled. Pickled itself, at the end, it is what `arriving.Delivered` is made of."""

    def __init__(self) -> None:
        self.made: list[Any] = []  # functions and classes that travel by value
        self.names: dict[str, Any] = {}  # those of them that stand in __main__
        self.codes: dict[str, types.CodeType] = {}  # one of each file that the user wrote, by its name
        self.captured: dict[str, Any] = {}  # variables of the notebook that functions use
        self.modules: dict[str, str] = {}  # of the user's, which ranks will import: name → file

    def note(self, thing: Any) -> None:
        """A function or class that travels by value."""
        self.made.append(thing)
        if getattr(sys.modules["__main__"], thing.__name__, None) is thing and thing.__module__ == "__main__":
            self.names[thing.__name__] = thing
        if isinstance(thing, types.FunctionType):
            self.codes.setdefault(thing.__code__.co_filename, thing.__code__)
            for name in used_globals(thing):
                if not isinstance(thing.__globals__[name], (type, types.FunctionType, types.ModuleType)):
                    self.captured.setdefault(name, thing.__globals__[name])

    def note_import(self, thing: Any) -> None:
        """A function or class that ranks will import."""
        module = sys.modules.get(getattr(thing, "__module__", None) or "")
        file = getattr(module, "__file__", None)
        if module is not None and file and module.__name__ not in self.modules and is_users(compile("", file, "exec")):
            self.modules[module.__name__] = file


def used_globals(function: types.FunctionType) -> Iterator[str]:
    """Names of the global variables that a function, or one inside it, uses and that exist."""
    return (name for name in _extract_code_globals(function.__code__) if name in function.__globals__)


class ByValue(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles one job into a file, and notes in `record` what it met."""

    record: Record

    def reducer_override(self, obj: Any) -> Any:
        """Asked for everything but the plainest values, once each."""
        if obj is self.record:
            return arriving.Delivered, (list(obj.made), dict(obj.names))
        if isinstance(obj, (type, types.FunctionType)):
            return self._code(obj)
        if isinstance(obj, np.ndarray):
            return _array(obj)
        if isinstance(obj, Tensor):
            return _hooked(obj)
        if type(obj) is OrderedDict and any(map(is_ours, obj.values())):
            return OrderedDict, (), None, None, iter([(key, hook) for key, hook in obj.items() if not is_ours(hook)])
        if isinstance(obj, DataLoader) and obj._iterator is not None:
            return _without_workers(obj)
        if isinstance(obj, io.TextIOWrapper) and obj not in (sys.stdout, sys.stderr):
            raise pickle.PicklingError(f"an open file, {getattr(obj, 'name', '')}")  # cloudpickle would send all that is in it
        return NotImplemented

    def _code(self, thing: Any) -> Any:
        if isinstance(thing, types.FunctionType) and (home := _tapped(thing)) is not None:
            return arriving.by_name, home
        reduced = super().reducer_override(thing)
        if reduced is NotImplemented:
            self.record.note_import(thing)
        elif reduced[0].__name__.startswith("_make_"):  # not a plain type, such as that of None
            self.record.note(thing)
        return reduced


def recording(record: Record, base: type[ByValue] = ByValue) -> Any:
    """What `torch.save` takes as its `pickle_module`."""

    class Pickler(base):  # type: ignore[misc, valid-type]
        pass

    Pickler.record = record
    return types.SimpleNamespace(__name__="nbdebug.training.payload", Pickler=Pickler)


def is_ours(hook: Any) -> bool:
    """Whether a hook is one of nbdebug's, which listen in the kernel and have nothing to do in a rank."""
    while isinstance(hook, partial):
        hook = hook.func
    module = getattr(getattr(hook, "__func__", hook), "__module__", None) or type(hook).__module__
    return isinstance(module, str) and (module == "nbdebug" or module.startswith("nbdebug."))


def _tapped(function: types.FunctionType) -> tuple[str, str] | None:
    """The place of a function that a tap stands in for just now, as `taps` does while a loop is watched."""
    found: Any = sys.modules.get(function.__module__ or "")
    for part in function.__qualname__.split(".") if function.__module__ != "__main__" else ():
        found = getattr(found, part, None)
    return (function.__module__, function.__qualname__) if getattr(found, "__wrapped__", None) is function else None


def _array(array: np.ndarray[Any, Any]) -> Any:
    if type(array) is np.memmap and isinstance(array.base, mmap.mmap) and array.filename is not None:
        return arriving.mapped, (str(array.filename), array.dtype, array.mode, array.offset, array.shape, _order(array))
    if type(array) not in (np.ndarray, np.memmap) or array.nbytes < LARGE or array.dtype.hasobject:
        return NotImplemented
    order = _order(array)
    flat = np.ascontiguousarray(array.T if order == "F" else array).reshape(-1).view(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of memory that may not be written: it is only read
        return arriving.array, (torch.from_numpy(flat), array.dtype, array.shape, order)


def _hooked(tensor: Tensor) -> Any:
    """A leaf with hooks of the user's, which scale or clip its gradient, say."""
    hooks = {name: [hook for hook in (getattr(tensor, name, None) or {}).values() if not is_ours(hook)] for name in arriving.HOOKS}
    if not tensor.is_leaf or not any(hooks.values()):
        return NotImplemented
    rebuilt = tensor.__reduce_ex__(PROTOCOL)
    return (*rebuilt[:2], hooks, None, None, arriving.hook) if len(rebuilt) == 2 else NotImplemented


def _order(array: np.ndarray[Any, Any]) -> str:
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def _without_workers(loader: DataLoader[Any]) -> Any:
    """Workers that are kept from one epoch to the next belong to the kernel."""
    reduced = list(object.__reduce_ex__(loader, PROTOCOL))
    reduced[2] = {**reduced[2], "_iterator": None}
    return tuple(reduced)
