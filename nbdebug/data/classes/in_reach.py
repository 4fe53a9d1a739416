"""What the script, the notebook and the dataset hold beside the batches: labels as one long list, orders of rows, and the inputs as they were before the split.

Only looked at, never called: tensors, arrays, tables and lists by their values, and of these only what has as many entries as there are samples.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy
import torch
from torch.utils.data import TensorDataset

FEWEST, MOST = 100, 200_000  # entries
DEEP = 4  # datasets in datasets
WIDEST = 64  # columns of a table, entries of a dict
LARGEST, LONGEST = 2_000_000, 20_000  # numbers, and rows, of a collection that rows are looked for in
VECTORS, COLLECTIONS = 80, 16


def in_reach(dataset: Any) -> tuple[dict[str, numpy.ndarray], dict[str, Any]]:
    """Lists of single values (n,) and collections with an entry for each row, by the words that they go under in the user's text."""
    vectors: dict[str, numpy.ndarray] = {}
    collections: dict[str, Any] = {}
    for name, value in _things(dataset):
        for said, held in _apart(name, value):
            if not FEWEST <= len(held) <= MOST:
                continue
            held = held[:, 0] if held.ndim == 2 and held.shape[1] == 1 and held.dtype.kind in "iufb" else held  # the (n, 1) of a regression
            single = held.ndim == 1 and held.dtype.kind in "iufbU"
            if single and len(vectors) < VECTORS:
                vectors[said] = held
            elif not single and held.dtype.kind in "iufO" and _size(held) <= LARGEST and len(collections) < COLLECTIONS:
                collections[said] = held
    return vectors, collections


def _size(held: numpy.ndarray) -> int:
    """Numbers in a collection; of one of objects as many as the first has, for each."""
    if held.dtype.kind != "O":
        return held.size
    first = held[0]
    return len(held) * (first.numel() if isinstance(first, torch.Tensor) else numpy.size(first)) if len(held) <= LONGEST and held.ndim == 1 else LARGEST + 1


def _things(dataset: Any) -> Iterator[tuple[str, Any]]:
    """What the datasets hold, the inner ones too, then the variables of the script or notebook."""
    unnamed: list[tuple[str, Any]] = []
    for _ in range(DEEP):
        held = getattr(dataset, "__dict__", {})
        found = [(f"self.{name}", value) for name, value in list(held.items()) if name not in ("dataset", "indices")]
        if type(dataset) is TensorDataset:  # the user has other names for them, as a rule
            unnamed += found
        else:
            yield from found
        if (dataset := held.get("dataset")) is None:
            break
    yield from ((name, value) for name, value in list(vars(sys.modules["__main__"]).items()) if not name.startswith("_"))
    yield from unnamed


def _apart(name: str, value: Any) -> Iterator[tuple[str, numpy.ndarray]]:
    """A table by its columns, a dict by its keys, a list of pairs by their places; everything as an array with one entry a row."""
    if isinstance(value, torch.Tensor):
        if value.layout is torch.strided and value.device.type == "cpu" and value.ndim and value.dtype is not torch.bfloat16 and not value.is_nested:
            yield name, value.detach().numpy()
    elif isinstance(value, numpy.ndarray):
        if value.ndim:
            yield name, _plain(value)
    elif hasattr(value, "iloc") and hasattr(value, "index"):  # of pandas
        yield f"{name}.index", _plain(numpy.asarray(value.index))
        if hasattr(value, "columns"):
            numbers = value.select_dtypes("number")
            yield from [(name, numbers.to_numpy(dtype=float))] if numbers.shape[1] > 1 else []
            yield from ((f"{name}[{str(column)!r}]", _plain(numpy.asarray(value.iloc[:, place]))) for place, column in enumerate(value.columns[:WIDEST]))
        else:
            yield name, _plain(numpy.asarray(value))
    elif isinstance(value, dict):  # a Bunch of scikit-learn's, too
        inner = [(key, part) for key, part in list(value.items())[:WIDEST] if isinstance(part, (torch.Tensor, numpy.ndarray, list))]
        yield from (pair for key, part in inner for pair in _apart(f"{name}[{key!r}]", part))
        if len(value) >= FEWEST and len(inner) == min(WIDEST, len(value)):
            yield name, _listed(list(value.values()))
    elif type(value) in (list, tuple) and value:
        yield from _of_list(name, value)


def _of_list(name: str, value: list | tuple) -> Iterator[tuple[str, numpy.ndarray]]:
    if len(value) < FEWEST:
        yield from (pair for place, part in enumerate(value) if isinstance(part, (torch.Tensor, numpy.ndarray)) for pair in _apart(f"{name}[{place}]", part))
    elif all(type(entry) in (tuple, list) and len(entry) == len(value[0]) for entry in value) and 1 < len(value[0]) <= 4 and type(value[0]) is tuple:
        yield from ((f"{name}[…][{place}]", _listed([entry[place] for entry in value])) for place in range(len(value[0])))
    elif len(value) <= MOST:
        yield name, _listed(list(value))


def _listed(entries: list[Any]) -> numpy.ndarray:
    """Numbers and names as they are, anything else as objects."""
    if all(isinstance(entry, (int, float, str, numpy.number)) for entry in entries):
        return _plain(numpy.asarray(entries))
    held = numpy.empty(len(entries), object)
    held[:] = entries
    return held


def _plain(values: numpy.ndarray) -> numpy.ndarray:
    """Texts of a table are objects there."""
    if values.dtype.kind == "O" and values.ndim == 1 and len(values) and all(isinstance(value, str) for value in values[:FEWEST]):
        return values.astype(str)
    return values
