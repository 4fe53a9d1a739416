"""A sample as what it is: a picture, a text, a curve, a row."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy
from torch import Tensor

from nbdebug.data.chunk import numbers
from nbdebug.page import Row, Trace, Words

POINTS = 120  # of a curve
CHANNELS = 3  # of a series that are drawn
VALUES = 24  # of a row
TOKENS = 48  # of a sequence
CHARACTERS = 400  # of a text
DIGITS = 4  # of a number


def words(label: str, value: Any, note: str = "") -> Words:
    """A text, or whatever else says what it is in words."""
    return Words(label, str(value)[:CHARACTERS], note=note)


def tokens(label: str, sequence: numpy.ndarray, padding: int | None = None, note: str = "", decode: Any = None) -> Words:
    """(T,) tokens; the padding at either end is told apart. `decode` makes text of a list of them."""
    values = sequence.reshape(-1).tolist()
    first, last = 0, len(values)
    if padding is not None:
        while last > first and values[last - 1] == padding:
            last -= 1
        while first < last and values[first] == padding:
            first += 1
    return Words(label, _said(values[first:last], decode), _row(values[:first]), _row(values[last:]), note)


def trace(label: str, series: numpy.ndarray, note: str = "") -> Trace:
    """(T,), (T, C) or (C, T) values: a line for each of the first channels, which are along the shorter axis."""
    values = numpy.atleast_2d(numpy.asarray(series, dtype=numpy.float64).squeeze())
    values = values.reshape(values.shape[0], -1)
    values = values if values.shape[0] <= values.shape[1] else values.T  # (C, T)
    named = {f"channel {i}" if len(values) > 1 else "value": _thinned(line) for i, line in enumerate(values[:CHANNELS])}
    more = len(values) - CHANNELS
    return Trace(label, named, ", ".join(filter(None, [note, f"{CHANNELS} of {len(values)} channels" if more > 0 else ""])))


def row(label: str, names: Iterable[str], values: Iterable[Any], note: str = "") -> Row:
    """A row of a table; of a wide one the first values."""
    pairs = list(zip(map(str, names), map(plain, values), strict=False))
    left_out = len(pairs) - VALUES
    return Row(label, dict(pairs[:VALUES]), ", ".join(filter(None, [note, f"{left_out:,} more columns" if left_out > 0 else ""])))


def plain(value: Any) -> str | float | int | bool | None:
    """A value of a table as JSON has it, numbers to four digits."""
    value = value.item() if isinstance(value, numpy.generic) else value
    if value is None or isinstance(value, (bool, int)):
        return value if value is None or abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
    return str(value)[:CHARACTERS]


def array(value: Any) -> numpy.ndarray | None:
    """The value as numbers, where it has some; an image of PIL's too."""
    if isinstance(value, Tensor):
        return numbers(value)
    if isinstance(value, numpy.ndarray):
        return value if value.dtype.kind in "biufc" else None
    if hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        made = numpy.asarray(value)
        return made if made.dtype.kind in "biufc" else None
    return None


def _said(values: list[int], decode: Any) -> str:
    if decode is not None:
        try:
            return str(decode(values))[:CHARACTERS]
        except Exception:  # a tokenizer of another vocabulary: the numbers say what there is
            pass
    return _row(values)


def _row(values: list[int]) -> str:
    more = len(values) - TOKENS
    return " ".join(map(str, values[:TOKENS])) + (f" … {more:,} more" if more > 0 else "")


def _thinned(line: numpy.ndarray) -> tuple[float, ...]:
    """Of each stretch of a long line the lowest and the highest, so that spikes stay."""
    if len(line) > POINTS:
        parts = numpy.array_split(line, POINTS // 2)
        line = numpy.array([value for part in parts for value in (part.min(), part.max())])
    return tuple(math.nan if value != value else float(f"{value:.{DIGITS}g}") for value in line.tolist())
