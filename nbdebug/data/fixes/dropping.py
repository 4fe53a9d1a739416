"""Columns that carry nothing, or the target itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled

FEWEST = 20  # sampled rows; fewer may agree by chance
LISTED = 12


def dropping(sampled: Sampled) -> Iterator[Draft]:
    """Columns that another look found to give the target away; constant ones, and copies of others."""
    yield from _leaking(sampled)
    field = sampled.field
    if field is None or field.kind != "tabular" or field.columns is None or numpy.ndim(field.sample) != 2 or len(sampled.train.ids) < FEWEST:
        return
    empty = [place for place in range(len(field.columns.names)) if place not in sampled.gone and 0 < field.columns.count[place] == field.columns.missing[place]]
    if empty:
        why = f"{', '.join(field.columns.names[place] for place in empty[:3])} hold{'s' * (len(empty) == 1)} no value at all"
        yield _dropped(sampled, [sampled.columns()[place] for place in empty], empty, "drop empty columns", why, "nothing was in them", optional=False)
    constant = [place for place in range(len(field.columns.names)) if place not in sampled.gone and _is_constant(sampled, place)]
    if not sampled.is_table and len(constant) == len(field.columns.names):  # such as the sizes of images: no columns, but what is told of each
        return
    copies = _copies(sampled, [*constant, *empty, *sampled.gone])
    if constant or copies:
        told = [f"{field.columns.names[place]} is constant" for place in constant]
        told += [f"{field.columns.names[place]} equals {field.columns.names[first]}" for place, first in copies.items()]
        why = "; ".join(told[:3]) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")
        kinds = " and ".join(word for word, found in (("constant", constant), ("repeated", copies)) if found)
        columns = [sampled.columns()[place] for place in [*constant, *copies]]
        yield _dropped(sampled, columns, [*constant, *copies], f"drop {kinds} columns", why, _carries_nothing(constant, copies), optional=True)


def _is_constant(sampled: Sampled, place: int) -> bool:
    parts = [part for part in (sampled.field, sampled.val_field) if part is not None]
    ends = {float(end) for part in parts for end in (part.columns.low[place], part.columns.high[place])}
    return len(ends) == 1 and all(part.columns.missing[place] + part.columns.infinite[place] == 0 for part in parts)


def _copies(sampled: Sampled, left_out: list[int]) -> dict[int, int]:
    """Column → the earlier one that holds the same numbers, in every sampled row and by every moment of all rows."""
    columns, first, found = sampled.field.columns, {}, {}
    for place in range(len(columns.names)):
        if place in left_out:
            continue
        moments = tuple(float(part[place]) for part in (columns.mean, columns.std, columns.low, columns.high))
        key = (moments, numpy.ascontiguousarray(sampled.field.sample[:, place]).tobytes())
        if first.setdefault(key, place) != place:
            found[place] = first[key]
    return found


def _carries_nothing(constant: list[int], copies: dict[int, int]) -> str:
    parts = [f"{len(constant)} with a single value"] if constant else []
    parts += [f"{len(copies)} equal to another in every sampled row"] if copies else []
    return " and ".join(parts)


def _leaking(sampled: Sampled) -> Iterator[Draft]:
    """Columns that the look at the features is certain of: they give the target away."""
    look = sampled.answers.get("features")
    leaks = [leak for leak in (look.leaks if look is not None else ()) if leak.certain]
    if sampled.is_table:
        columns = {name: place for place, name in enumerate(sampled.field.axis_names)} if sampled.field is not None else {}
        own = sampled.columns()
        names = [own[columns[leak.column]] if leak.column in columns else leak.field for leak in leaks]
        yield from _leaks_dropped(sampled, names, [columns[leak.column] for leak in leaks if leak.column in columns], leaks)
    elif sampled.field is not None and sampled.field.kind == "tabular" and numpy.ndim(sampled.field.sample) == 2:
        leaks = [leak for leak in leaks if leak.field == sampled.field.name]
        places = [sampled.field.axis_names.index(leak.column) for leak in leaks]
        yield from _leaks_dropped(sampled, places, places, leaks)


def _leaks_dropped(sampled: Sampled, columns: list[Any], places: list[int], leaks: list[Any]) -> Iterator[Draft]:
    if leaks:
        first = leaks[0]
        why = f"{first.column} {first.sentence}" + (f"; and {len(leaks) - 1} more" if len(leaks) > 1 else "")
        what = f"alone they know {first.power:.0%} of the target, all others together {first.rest:.0%}"
        yield _dropped(sampled, columns, places, "drop what gives the target away", why, what, optional=False)


def _dropped(sampled: Sampled, columns: list[Any], places: list[int], title: str, why: str, what: str, *, optional: bool) -> Draft:
    if sampled.is_table:
        lines = [f"{name} = {name}.drop(columns={columns!r})" for name in sampled.listed("df").split(", ")]
    else:
        width = len(sampled.columns()) - len(sampled.gone)
        lines = [f"keep = [i for i in range({width}) if i not in {columns!r}]  # the first layer then has {width - len(columns)} inputs"]
        lines += [f"{name} = {name}[:, keep]" for name in sampled.listed("inputs").split(", ")]

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        for name in sampled.listed("df" if sampled.is_table else "inputs").split(", "):
            if after[name].shape[1] != before[name].shape[1] - len(columns):
                return ""
            if sampled.is_table and set(columns) & set(after[name].columns):
                return ""
        left = after["train_df" if sampled.is_table else "train_inputs"].shape[1]
        return f"{len(columns)} gone, {left} columns left; {what}"

    return Draft(title, why, "\n".join([sampled.stated, *lines]), sampled.names, verify, optional, tuple(places))
