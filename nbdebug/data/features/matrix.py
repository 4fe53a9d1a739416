"""The sampled rows as one matrix of columns, and the target beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.sources.table import NUMBERS
from nbdebug.data.split import FieldData, Split

NUMBER, CATEGORY, MOMENT = "number", "category", "mean over time"
LABELS = ("label", "labels", "target", "targets", "y")  # a model that takes these as inputs computes its loss or margins from them
FEW_LEVELS = 20  # a quantity of so few whole numbers, each seen ten times on average, is taken for classes
TOO_MANY = 50  # numbers that are that many classes, or are seen less than ten times each, are a quantity


@dataclass(frozen=True)
class Matrix:
    """Columns of all inputs; categories as the numbers of their levels, -1 where there is none."""

    fields: tuple[str, ...]  # (D,) which field a column is of
    names: tuple[str, ...]  # (D,) "age", "column 3", "inputs"
    kinds: tuple[str, ...]  # (D,) NUMBER, CATEGORY or MOMENT
    values: numpy.ndarray  # (K, D) float64

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.names)

    def place(self, column: int) -> str:
        """`age` of a table, `inputs, column 3`."""
        return place(self.fields[column], self.names[column])


def place(field: str, column: str) -> str:
    """`age` of a table's columns of numbers, `inputs, column 3` of others."""
    if column in ("", "all", field):
        return field
    return column if field == NUMBERS else f"{field}, {column}"


@dataclass(frozen=True)
class Goal:
    """What is to be predicted."""

    field: str
    classes: tuple[Any, ...]  # names of the classes; empty for a quantity
    values: numpy.ndarray  # (K,) class numbers as int64, -1 for none; or float64


def matrix(split: Split, *, with_labels: bool = True) -> Matrix:
    """All columns of the inputs. Images, tokens and texts have none."""
    rows = len(split.ids)
    inputs = [field for field in split.fields if field.role == "input" and (with_labels or field.name not in LABELS)]
    found = [part for field in inputs for part in _columns(field, rows)]
    values = numpy.stack([part[3] for part in found], axis=1) if found else numpy.zeros((rows, 0))
    fields, names, kinds = (tuple(part[i] for part in found) for i in range(3))
    return Matrix(fields, names, kinds, values)


def goal(split: Split) -> Goal | None:
    """The one target of every sample; None where there is none, or it is an image, a sequence, several columns."""
    targets = [field for field in split.fields if field.role == "target"]
    if len(targets) != 1:
        return None
    field = targets[0]
    if field.kind in ("classes", "category") and field.facts is not None:
        return _of_classes(field)
    values = numpy.asarray(field.sample) if isinstance(field.sample, numpy.ndarray) else numpy.zeros((0, 2))
    if field.kind not in ("quantity", "tabular") or values.dtype.kind != "f" or values.size != len(values) or not len(values):
        return None
    values = values.reshape(-1).astype(float)
    levels = numpy.unique(values[numpy.isfinite(values)])
    if 2 <= len(levels) <= FEW_LEVELS and len(values) >= 10 * len(levels) and (levels == numpy.round(levels)).all():
        codes = numpy.where(numpy.isfinite(values), numpy.searchsorted(levels, numpy.nan_to_num(values)), -1)
        return Goal(field.name, tuple(float(level) for level in levels), codes.astype(numpy.int64))
    return Goal(field.name, (), values)


def why_no_goal(split: Split) -> str:
    """Why there is no `goal`."""
    targets = [field for field in split.fields if field.role == "target"]
    if len(targets) == 1:
        return f"the target, {targets[0].name}, is {targets[0].kind} and not one class or quantity a sample"
    return f"there are {len(targets)} targets, and not a single one" if targets else "there is no target, or none is known: say target=…"


def _of_classes(field: FieldData) -> Goal:
    names, codes = tuple(field.facts.names), numpy.asarray(field.sample)
    numbers = all(isinstance(name, (int, float)) and not isinstance(name, bool) for name in names)
    if numbers and names and (len(names) > TOO_MANY or (len(names) > FEW_LEVELS and len(codes) < 10 * len(names))):
        values = numpy.append(numpy.array(names, dtype=float), numpy.nan)
        return Goal(field.name, (), values[codes])
    return Goal(field.name, names, codes)


def _columns(field: FieldData, rows: int) -> Iterator[tuple[str, str, str, numpy.ndarray]]:
    if len(field.sample) != rows:
        return
    if field.kind in ("category", "classes") and field.facts is not None and isinstance(field.sample, numpy.ndarray):
        yield from _of_levels(field.name, field.sample)
    elif field.kind in ("text", "category", "other") and isinstance(field.sample, list):
        yield from _of_levels(field.name, codes_of(field.sample))
    elif field.kind in ("tabular", "quantity") and isinstance(field.sample, numpy.ndarray) and field.sample.ndim <= 2:
        table = field.sample.reshape(len(field.sample), -1)
        for index in range(table.shape[1]):
            yield field.name, _name(field, index), NUMBER, table[:, index].astype(float)
    elif field.kind == "series" and isinstance(field.sample, numpy.ndarray) and field.sample.ndim == 3:
        for index, mean in enumerate(_means_over_time(field).T):
            yield field.name, f"{_name(field, index)} ({MOMENT})", MOMENT, mean


def _means_over_time(field: FieldData) -> numpy.ndarray:
    """(K, C) of series that lie (T, C) or (C, T)."""
    time = 2 if len(field.axis_names) == field.sample.shape[1] != field.sample.shape[2] else 1
    known = numpy.isfinite(field.sample)
    return numpy.where(known, field.sample, 0.0).sum(time) / numpy.maximum(known.sum(time), 1)


def _of_levels(name: str, codes: numpy.ndarray | None) -> Iterator[tuple[str, str, str, numpy.ndarray]]:
    """Levels numbered by how frequent they are; free text and names of samples, with hardly a level twice, are left out."""
    if codes is None:
        return
    counts = numpy.bincount(codes[codes >= 0])
    if 0 < (counts > 0).sum() <= max(2, len(codes) // 5):
        ranks = numpy.append(numpy.argsort(numpy.argsort(-counts, kind="stable")), -1)
        yield name, name, CATEGORY, ranks[codes].astype(float)


def _name(field: FieldData, index: int) -> str:
    return field.axis_names[index] if index < len(field.axis_names) else f"column {index}"


def codes_of(entries: list[Any]) -> numpy.ndarray | None:
    """(K,) numbers of the levels, -1 for a missing one; None where an entry is no text and no number."""
    index: dict[Any, int] = {}
    try:
        codes = [-1 if entry is None or entry != entry else index.setdefault(entry, len(index)) for entry in entries]
    except (TypeError, ValueError):
        return None
    return numpy.array(codes, dtype=numpy.int64) if all(isinstance(level, (str, int, float, bool)) for level in index) else None
