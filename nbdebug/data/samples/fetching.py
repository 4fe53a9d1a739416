"""The sample itself, asked of the dataset by its index, and its parts found again by their shape."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy

from nbdebug.data.samples.choosing import Chosen
from nbdebug.data.samples.exhibits import array
from nbdebug.data.sources.folder import ImageFolder
from nbdebug.data.split import FieldData, Split

LONGEST = 1.5  # seconds for all samples; what is slower is shown as it was sampled


class Fetcher:
    """Asks for samples until the time is over; a sample that cannot be had is None."""

    def __init__(self, seconds: float) -> None:
        self.deadline = time.perf_counter() + min(LONGEST, seconds)

    def item(self, split: Split, number: int) -> Any:
        """The dataset's own item, or None."""
        hidden = split.dataset is not None and not split.by_index  # its numbers are of the delivery
        if split.fetch is None or hidden or time.perf_counter() > self.deadline:
            return None
        try:
            return split.fetch(number)
        except Exception:  # a broken sample is another's finding; here it is only not shown
            return None


def file_of(one: Chosen) -> str:
    """The file below its folder that a sample was read from; "" where it was read from none."""
    dataset = one.split.dataset
    if not isinstance(dataset, ImageFolder) or not one.split.by_index or not 0 <= one.id < len(dataset):
        return ""
    return Path(dataset.paths[one.id]).relative_to(dataset.root).as_posix()


def part(item: Any, field: FieldData) -> Any:
    """The part of a dataset's item that is this field, by its shape; None where there is none."""
    for leaf in leaves(item):
        if field.kind == "text" and isinstance(leaf, str):
            return leaf
        values = array(leaf)
        if values is not None and values.ndim and tuple(values.shape) in field.shapes:
            return values
    return None


def label(item: Any) -> Any:
    """The last lone number or word of an item, which by custom is its label; None where there is none."""
    lone = [leaf for leaf in leaves(item) if isinstance(leaf, (int, str)) or getattr(leaf, "ndim", None) == 0]
    return None if not lone else lone[-1].item() if hasattr(lone[-1], "item") else lone[-1]


def leaves(item: Any, depth: int = 4) -> Iterator[Any]:
    """All parts of an item, however it is nested."""
    if isinstance(item, Mapping) and depth:
        for value in item.values():
            yield from leaves(value, depth - 1)
    elif isinstance(item, (tuple, list)) and depth and not isinstance(item, numpy.ndarray):
        for value in item:
            yield from leaves(value, depth - 1)
    else:
        yield item
