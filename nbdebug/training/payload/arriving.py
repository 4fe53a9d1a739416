"""What a payload calls while it is unpickled, and what it leaves in the rank: names in `__main__`, text for tracebacks, the kernel's sys.path."""

from __future__ import annotations

import contextlib
import importlib
import json
import linecache
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from nbdebug import source_lines

CELLS = "cells.json"  # beside the payload: {file: {"number": 3, "above": 0, "source": "…"}}; text alone, read before anything is unpickled


HOOKS = {"_backward_hooks": "register_hook", "_post_accumulate_grad_hooks": "register_post_accumulate_grad_hook"}  # of a leaf, and how they get there


@dataclass(frozen=True)
class Delivered:
    """Functions and classes that travelled by value."""

    made: list[Any]
    names: dict[str, Any]  # of __main__

    def arrive(self) -> None:
        """Puts the names where pickle looks for them, before any code of the user's runs."""
        vars(sys.modules["__main__"]).update(self.names)


class Surroundings:
    """The kernel's import path and working directory; pickled first, so that all that follows is imported from there."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[list[str], str]]:
        return enter, ([str(path) for path in sys.path], _here())


def enter(paths: list[str], directory: str) -> None:
    """The kernel's sys.path first, then what this process has besides."""
    with contextlib.suppress(OSError):  # on another machine it may not be there
        os.chdir(directory)
    sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]
    importlib.invalidate_caches()


def by_name(module: str, qualname: str) -> Any:
    """A function of a library."""
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def array(data: Tensor, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> np.ndarray[Any, Any]:
    """An array over the memory of a tensor, which is mapped from the payload: writing copies the page, for this rank alone."""
    whole = data.numpy().view(dtype)
    return whole.reshape(shape[::-1]).T if order == "F" else whole.reshape(shape)


def hook(tensor: Tensor, hooks: dict[str, list[Any]]) -> None:
    """Puts a leaf's hooks back."""
    for kind, functions in hooks.items():
        for function in functions:
            getattr(tensor, HOOKS[kind])(function)


def mapped(file: str, dtype: np.dtype[Any], mode: str, offset: int, shape: tuple[int, ...], order: Any) -> np.memmap[Any, Any]:
    """A file of the user's, mapped again; for the kernel to write it is one thing, for several ranks another: they get copies of what they change."""
    return np.memmap(file, dtype, "r" if mode == "r" else "c", offset, shape, order)


def write_cells(folder: Path, codes: Iterable[Any]) -> None:
    """The text of the cells that these codes come from, with their numbers."""
    told = {}
    for code in codes:
        line = source_lines.line_of_code(code, 1) if source_lines.is_users(code) else None
        source = "".join(linecache.getlines(code.co_filename))
        if line is not None and source and not os.path.isfile(code.co_filename):
            told[code.co_filename] = {"number": line.cell, "above": line.line - 1, "source": source}
    descriptor = os.open(folder / CELLS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
        json.dump(told, file)


def read_cells(folder: Path) -> None:
    """So that tracebacks show the line of a cell, and name the cell."""
    with contextlib.suppress(OSError, ValueError):
        for file, told in json.loads((folder / CELLS).read_text(encoding="utf-8", errors="surrogatepass")).items():
            source = str(told["source"])
            linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # None: not on any disk, stays
            if told["number"] is not None:
                source_lines.overrides[file] = int(told["number"])
                source_lines.above[file] = int(told.get("above", 0))


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # the directory is gone
        return os.path.expanduser("~")
