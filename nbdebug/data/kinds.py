"""Which kind of data a field is: from its shape, dtype and values, unless the user says so."""

from __future__ import annotations

import numpy

from nbdebug.data.chunk import TARGET, Field

FEW = 1000  # classes; more than that of whole numbers is a quantity


def kind_of(field: Field, told: str | None = None) -> str:
    """One of `split.KINDS`."""
    if told is not None and field.role != TARGET:
        return told
    values = field.values
    if isinstance(values, list):
        return _of_list(values)
    if values.dtype.kind in "OUS":
        return "category" if field.role != TARGET else "classes"
    if values.dtype.kind in "mM":
        return "time"
    if values.ndim == 1:
        whole = values.dtype.kind in "iub" and len(numpy.unique(values)) <= FEW
        return ("classes" if whole else "quantity") if field.role == TARGET else "tabular"
    if values.ndim == 4 or (values.ndim == 3 and values.dtype == numpy.uint8):
        return "image" if field.role != TARGET else "mask"
    if values.ndim == 2:
        return "tokens" if values.dtype.kind in "iu" else "tabular"
    if values.ndim == 3:
        return "series" if values.dtype.kind == "f" else "mask"
    return "other"


def _of_list(values: list) -> str:
    first = next((value for value in values if value is not None), None)
    if isinstance(first, str):
        return "text"
    if isinstance(first, numpy.ndarray):
        if first.ndim == 1 and first.dtype.kind in "iu":
            return "tokens"
        return "image" if first.ndim == 3 else "series"
    return "other"
