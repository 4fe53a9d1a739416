"""Tables: pandas and Arrow frames and NumPy arrays, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from nbdebug.data.chunk import INPUT, TARGET, Field, Rows

ROWS = 65_536  # of a chunk
NUMBERS = "table"  # name of the field that holds all columns of numbers


def is_table(data: Any) -> bool:
    """Whether this is a frame of pandas or Arrow; asks without importing either."""
    return type(data).__module__.split(".")[0] in ("pandas", "pyarrow") and hasattr(data, "columns")


class Table:
    """A frame as an iterable of `Rows`: one field with all columns of numbers, and one for every other column and target."""

    def __init__(self, data: Any, targets: tuple[str, ...] = ()) -> None:
        self.data, self.targets = data, targets
        self.rows = len(data)
        self.about = f"{type(data).__name__} of {self.rows:,} rows and {len(data.columns):,} columns"

    def __iter__(self) -> Iterator[Rows]:
        for start in range(0, self.rows, ROWS):
            yield Rows(tuple(_fields(self.data.iloc[start : start + ROWS], self.targets)))


def _fields(frame: Any, targets: tuple[str, ...]) -> Iterator[Field]:
    numbers = [name for name in frame.columns if frame[name].dtype.kind in "iufb" and name not in targets]
    if numbers:
        yield Field(NUMBERS, INPUT, frame[numbers].to_numpy(numpy.float64), "float64", tuple(map(str, numbers)))
    for name in frame.columns:
        if name not in numbers:
            values = frame[name]
            plain = values.to_numpy() if values.dtype.kind in "iufbmM" else values.tolist()
            yield Field(str(name), TARGET if name in targets else INPUT, plain, str(values.dtype))
