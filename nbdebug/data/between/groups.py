"""Columns that name a group, such as patient_id, whose groups lie on both sides."""

from __future__ import annotations

import re
from typing import Any

import numpy

from nbdebug.data.between.found import SharedGroup
from nbdebug.data.split import FieldData, Split

NAMED = re.compile(r"(^|[\W_])(id|ids|patient|subject|user|customer|person|session|speaker|group|author|device|case|study)($|[\W_])|[a-z]I[dD]$|_id$", re.I)
FEWEST = 3  # groups on both sides, and
REPEATED = 1.5  # rows a group of train, at the least: else it is an index
CLASSES = 20  # groups at the least: fewer are a category like any other


def shared_groups(train: Split, val: Split) -> list[SharedGroup]:
    """The columns, with how many groups of val are in train as well."""
    found = []
    for theirs in train.fields:
        ours = val.named(theirs.name)
        if theirs.role == "input" and ours is not None:
            for name, a, b in _columns(theirs, ours):
                found += _shared(name, a, b)
    return found


def _columns(theirs: FieldData, ours: FieldData):
    if theirs.kind in ("category", "text") and NAMED.search(theirs.name):
        a, b = _entries(theirs), _entries(ours)
        if a and b:
            yield theirs.name, a, b
    elif theirs.kind == "tabular" and isinstance(theirs.sample, numpy.ndarray) and theirs.sample.ndim == 2:
        for place, name in enumerate(theirs.axis_names):
            if NAMED.search(name) and name in ours.axis_names and isinstance(ours.sample, numpy.ndarray) and ours.sample.ndim == 2:
                a, b = theirs.sample[:, place], ours.sample[:, ours.axis_names.index(name)]
                a, b = a[numpy.isfinite(a)], b[numpy.isfinite(b)]
                if (a == numpy.round(a)).all():
                    yield name, a.astype(numpy.int64).tolist(), b.astype(numpy.int64).tolist()


def _entries(field: FieldData) -> list[Any]:
    names = getattr(field.facts, "names", None)
    if names and isinstance(field.sample, numpy.ndarray) and field.sample.ndim == 1:
        return [names[code] for code in field.sample if 0 <= code < len(names)]
    return [entry for entry in field.sample if isinstance(entry, (str, int))] if isinstance(field.sample, list) else []


def _shared(name: str, a: list[Any], b: list[Any]) -> list[SharedGroup]:
    theirs, ours = set(a), set(b)
    shared = theirs & ours
    if len(shared) < FEWEST or len(theirs) < CLASSES or len(a) < REPEATED * len(theirs):
        return []
    return [SharedGroup(name, len(shared), len(ours), sum(entry in shared for entry in b), tuple(str(g) for g in sorted(shared, key=str)[:5]))]
