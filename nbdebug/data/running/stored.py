"""The rows that a dataset holds in memory: the raw samples of one that works in its __getitem__."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy
from torch import Tensor
from torch.utils.data import Subset

from nbdebug.data.running.spots import datasets_of
from nbdebug.data.running.values import SMALLEST, inputs_of, is_image, numbers


def unwrapped(dataset: Any, index: Any) -> tuple[Any, Any]:
    """The dataset under Subsets, and the index in it."""
    while type(dataset) is Subset and isinstance(index, int | numpy.integer):
        dataset, index = dataset.dataset, dataset.indices[index]
    return dataset, index


def without_subsets(dataset: Any) -> Any:
    """The dataset that Subsets are parts of."""
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return dataset


def rows_of(dataset: Any) -> list[tuple[dict[str, Any], str, Any]]:
    """Arrays, tensors and lists of them in its attributes that have a row for every sample: the attributes, the name, the rows."""
    found = []
    for _, inner in datasets_of(dataset):
        held = getattr(inner, "__dict__", {})
        with contextlib.suppress(Exception):  # a __len__ of the user's
            found += [(held, name, value) for name, value in held.items() if _has_rows(value, len(inner))]
    return found


def _has_rows(value: Any, size: int) -> bool:
    if isinstance(value, list):
        return len(value) == size > 0 and (isinstance(value[0], numpy.ndarray | Tensor) or is_image(value[0]))
    return isinstance(value, numpy.ndarray | Tensor) and value.ndim >= 1 and len(value) == size > 0


def row_of(dataset: Any, index: Any) -> numpy.ndarray | None:
    """The stored row of a sample, where it is a signal and there is one such array."""
    inner, place = unwrapped(dataset, index)
    if not isinstance(place, int | numpy.integer):
        return None
    found = [numbers(value[int(place)]) for held, _, value in rows_of(inner) if held is getattr(inner, "__dict__", None)]
    large = [row for row in found if row is not None and row.size >= SMALLEST]
    if not large:  # samples that lie whole in a list
        items = [value[int(place)] for value in getattr(inner, "__dict__", {}).values() if _has_items(value, place)]
        large = [row for item in items for _, row in inputs_of(item) if row.size >= SMALLEST]
    return numpy.array(large[0]) if len(large) == 1 else None


@contextlib.contextmanager
def lent(dataset: Any, stand_in: Callable[[str, Any], Any]) -> Iterator[list[str]]:
    """The stored rows replaced by what `stand_in(name, rows)` gives (None: left as they are); names of those replaced."""
    places = [(held, name, value, stand_in(name, value)) for held, name, value in rows_of(dataset)]
    places = [place for place in places if place[3] is not None]
    try:
        for held, name, _, other in places:
            held[name] = other
        yield [name for _, name, _, _ in places]
    finally:
        for held, name, value, _ in places:
            held[name] = value


@contextlib.contextmanager
def lent_item(dataset: Any, index: Any, change: Callable[[Any], Any]) -> Iterator[None]:
    """The same for samples that lie whole in a list, as tuples or dicts: the one of this index is `change(item)`."""
    inner, place = unwrapped(dataset, index)
    held = getattr(inner, "__dict__", None)
    names = [name for name, value in (held or {}).items() if _has_items(value, place)]
    originals = {name: held[name] for name in names}
    try:
        for name, value in originals.items():
            held[name] = [*value[: int(place)], change(value[int(place)]), *value[int(place) + 1 :]]
        yield
    finally:
        for name, value in originals.items():
            held[name] = value


def _has_items(value: Any, place: Any) -> bool:
    if type(value) is not list or not isinstance(place, int | numpy.integer) or not 0 <= int(place) < len(value):
        return False
    item = value[int(place)]
    parts = item.values() if type(item) is dict else item if type(item) in (tuple, list) else ()
    return any(isinstance(part, numpy.ndarray | Tensor) or is_image(part) for part in parts)
