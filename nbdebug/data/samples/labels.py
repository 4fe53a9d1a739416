"""What a sample's class is called."""

from __future__ import annotations

from typing import Any

import numpy

from nbdebug.data.split import FieldData, Split

KINDS = ("classes", "category")


def class_field(split: Split) -> FieldData | None:
    """The target that is a class, where each sample has one."""
    return next((f for f in split.fields if f.role == "target" and f.kind == "classes" and hasattr(f.facts, "names")), None)


def class_codes(split: Split) -> numpy.ndarray | None:
    """(K,) class of each sampled row, as an index into the names of its field; in the order of their values."""
    field = class_field(split)
    if field is None:
        return None
    names = list(field.facts.names)
    ranks = {code: rank for rank, code in enumerate(sorted(range(len(names)), key=lambda code: sort_key(names[code])))}
    return numpy.array([ranks.get(code, len(names)) for code in numpy.asarray(field.sample).tolist()], dtype=numpy.int64)


def sort_key(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then words by the alphabet."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, str)
    return (not is_number, float(value) if is_number and value == value else 0.0, str(value))


def names_of(dataset: Any) -> tuple[str, ...]:
    """The names of the classes, where the dataset (or what it is a part of) has them."""
    for _ in range(8):
        names = getattr(dataset, "classes", None)
        if isinstance(names, (list, tuple)) and names and all(isinstance(name, str) for name in names):
            return tuple(names)
        dataset = getattr(dataset, "dataset", None)
    return ()


def class_name(value: Any, names: tuple[str, ...]) -> str:
    """`3 · cat`, or the value alone where it has no name."""
    value = value.item() if isinstance(value, numpy.generic) else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return f"{value} · {names[value]}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
