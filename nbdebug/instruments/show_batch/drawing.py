"""The samples of a batch as exhibits: as they are, nothing normalised back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy

from nbdebug.data.chunk import Chunk, Field
from nbdebug.data.kinds import kind_of
from nbdebug.data.samples import exhibits, pictures
from nbdebug.data.samples.labels import class_name
from nbdebug.instruments.show_batch.result import Part
from nbdebug.page import Exhibit, Table

ROWS = ("tabular", "quantity", "category", "time", "classes")
NO_IMAGE = "no image: it cannot be decoded"
COLUMNS = 12  # of a table
BESIDE = ("attention_mask", "token_type_ids", "position_ids", "special_tokens_mask", "lengths")  # inputs that only go with another
RUN = 2  # equal tokens at the end of several sequences are padding


def main_field(chunk: Chunk) -> Field | None:
    """The input that a person would look at."""
    inputs = [field for field in chunk.fields if field.role == "input"] or list(chunk.fields)
    return next((f for f in inputs if f.name.split("[")[-1].strip("']\"") not in BESIDE), inputs[0] if inputs else None)


def part_of(field: Field, kind: str) -> Part:
    """The field in numbers."""
    values = exhibits.array(field.values) if not isinstance(field.values, list) else None
    if values is None:
        arrays = [found for value in field.values if (found := exhibits.array(value)) is not None]
        shape = f"{len(field.values)} of their own shape" if arrays else f"{len(field.values)} of {field.dtype}"
        values = numpy.concatenate([found.reshape(-1) for found in arrays]) if arrays else None
    else:
        shape = str(tuple(values.shape))
    layout = layout_of(values) if kind == "image" and values is not None else ""
    return Part(field.name, field.role, kind, shape, field.dtype, layout, *statistics(values))


def statistics(values: numpy.ndarray | None) -> tuple[float | None, float | None, float | None, float | None, int | None]:
    """Lowest, highest, mean and std of the finite values, and how many are not finite."""
    if values is None or not values.size:
        return None, None, None, None, None
    table = values.astype(numpy.float64, copy=False) if values.dtype.kind != "c" else numpy.abs(values)
    finite = table[numpy.isfinite(table)]
    broken = int(table.size - finite.size)
    return (float(finite.min()), float(finite.max()), float(finite.mean()), float(finite.std()), broken) if finite.size else (None, None, None, None, broken)


def layout_of(values: numpy.ndarray) -> str:
    """How a batch of images lies."""
    if values.ndim == 3:
        return "NHW"
    if values.ndim != 4:
        return ""
    return "NHWC" if pictures.channels_last(values[0]) is not None and values.shape[-1] <= 4 < values.shape[1] else "NCHW"


def shown(field: Field, chunk: Chunk, count: int, decode: Any, names: tuple[str, ...], told: str | None) -> tuple[Exhibit, ...]:
    """The first samples of the batch by what they are."""
    kind = kind_of(field, told)
    draw = _drawer(kind, field, chunk, decode)
    values = field.values
    return tuple(draw(_label(chunk, i, names), values[i], i) for i in range(min(count, len(values))))


def rows_of(chunk: Chunk, count: int) -> Table | None:
    """The first samples of a table; None for what is no table."""
    columns: dict[str, list[Any]] = {}
    for field in sorted(chunk.fields, key=lambda field: field.role == "input"):  # targets first
        values = field.values[:count]
        if isinstance(values, numpy.ndarray) and values.ndim == 2:
            names = field.names if len(field.names) == values.shape[1] else [f"{field.name}[{i}]" for i in range(values.shape[1])]
            columns |= {str(name): values[:, i].tolist() for i, name in enumerate(names)}
        elif not isinstance(values, numpy.ndarray) or values.ndim == 1:
            columns[field.name] = list(values)
    kept = list(columns)[:COLUMNS]
    if not kept:
        return None
    caption = f"{len(kept)} of {len(columns):,} columns" if len(columns) > len(kept) else ""
    rows = tuple(tuple(exhibits.plain(columns[name][i]) for name in kept) for i in range(len(columns[kept[0]])))
    return Table("its first rows", tuple(kept), rows, caption)


def extent(values: Any) -> str:
    """`-2.1 … 2.6`: from the lowest to the highest value, and whether some are not finite."""
    low, high, _, _, broken = statistics(exhibits.array(values))
    if low is None or high is None:
        return "nothing finite" if broken else ""
    return f"{low:.3g} … {high:.3g}" + (f", {broken:,} not finite" if broken else "")


def _drawer(kind: str, field: Field, chunk: Chunk, decode: Any) -> Callable[[str, Any, int], Exhibit]:
    if kind == "image":
        return _image_drawer(field, chunk)
    if kind == "tokens":
        padding = _padding(field, chunk)
        return lambda label, value, i: exhibits.tokens(label, numpy.asarray(value), padding, f"{numpy.size(value)} tokens", decode)
    if kind in ("series", "audio"):
        return lambda label, value, i: exhibits.trace(label, exhibits.array(value), extent(value))
    return lambda label, value, i: exhibits.words(label, value, extent(value))


def _image_drawer(field: Field, chunk: Chunk) -> Callable[[str, Any, int], Exhibit]:
    arrays = [found for value in field.values if (found := exhibits.array(value)) is not None]
    ends = [end for found in arrays for end in statistics(found)[:2] if end is not None]
    low, high = pictures.value_range(min(ends, default=0.0), max(ends, default=1.0))

    def draw(label: str, value: Any, i: int) -> Exhibit:
        if value is None:
            return pictures.crossed_out(label, note=NO_IMAGE)
        found = exhibits.array(value)
        image = pictures.channels_last(found) if found is not None else None
        if image is None:
            return exhibits.words(label, value, extent(value))
        return pictures.picture(label, image, low, high, note=extent(found), mask=_mask(chunk, i), boxes=_boxes(chunk, i))

    return draw


def _label(chunk: Chunk, i: int, names: tuple[str, ...]) -> str:
    """The sample's target in words: a class, a number, a text; what is larger has no place under a picture."""
    for field in chunk.fields:
        value = field.values[i] if field.role == "target" else None
        if value is None or isinstance(value, dict):
            continue
        found = exhibits.array(value)
        if isinstance(value, str):
            return value[:60]
        if found is not None and found.size == 1:
            return class_name(found.reshape(-1)[0], names if found.dtype.kind in "iub" else ())
        if found is not None and found.ndim == 1 and found.size <= 64 and found.sum() == 1 and set(found.tolist()) <= {0, 1}:
            return class_name(int(found.argmax()), names)
    return ""


def _mask(chunk: Chunk, i: int) -> numpy.ndarray | None:
    field = next((f for f in chunk.fields if f.role == "target" and kind_of(f) == "mask"), None)
    found = exhibits.array(field.values[i]) if field is not None else None
    found = found.squeeze() if found is not None else None
    return found if found is not None and found.ndim == 2 else None


def _boxes(chunk: Chunk, i: int) -> numpy.ndarray | None:
    for field in chunk.fields:
        value = field.values[i] if field.role == "target" else None
        value = value.get("boxes", value.get("bbox")) if isinstance(value, dict) else value
        found = exhibits.array(value) if value is not None else None
        if found is not None and found.ndim == 2 and found.shape[1] == 4 and len(found):
            return found
    return None


def _padding(field: Field, chunk: Chunk) -> int | None:
    """The token that fills the ends: where a mask says so, or where several sequences end in the same one again and again."""
    mask = next((f for f in chunk.fields if "attention_mask" in f.name), None)
    if mask is not None and isinstance(mask.values, numpy.ndarray) and isinstance(field.values, numpy.ndarray) and mask.values.shape == field.values.shape:
        hidden = field.values[mask.values == 0]
        return int(hidden[0]) if len(hidden) and (hidden == hidden[0]).all() else None
    if not isinstance(field.values, numpy.ndarray) or field.values.ndim != 2 or field.values.shape[1] < RUN:
        return None
    ends = Counter(row[-1] for row in field.values.tolist() if len(set(row[-RUN:])) == 1)
    token, times = ends.most_common(1)[0] if ends else (None, 0)
    return token if times >= max(2, math.ceil(len(field.values) / 8)) else None
