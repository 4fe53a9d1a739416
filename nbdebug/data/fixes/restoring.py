"""Numbers that came as text, and numbers that are none: what stands for a missing value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled, alike, matrix

MOST_LOST = 0.2  # of the entries that may turn out to be no numbers


def restoring(sampled: Sampled) -> Iterator[Draft]:
    """What the look at the features found of both kinds."""
    yield from _spoilt(sampled)
    yield from _written(sampled)
    yield from _stand_ins(sampled)


def _spoilt(sampled: Sampled) -> Iterator[Draft]:
    """Columns of numbers that came as text, because a few entries are none."""
    look = sampled.answers.get("features")
    for column in [entries for entries in (look.entries if look is not None else ()) if entries.is_spoilt_number] if sampled.is_table else []:
        name, both = column.field, sampled.listed("df").split(", ")
        lines = [f'{df}[{name!r}] = pd.to_numeric({df}[{name!r}].astype(str).str.replace(",", ""), errors="coerce")' for df in both]

        def verify(before: dict[str, Any], after: dict[str, Any], name: str = name, both: list[str] = both) -> str:
            lost = sum(int((after[df][name].isna() & before[df][name].notna()).sum()) for df in both)
            rows = sum(len(after[df]) for df in both)
            if any(after[df][name].dtype.kind not in "fiu" for df in both) or lost > MOST_LOST * rows:
                return ""
            return f"{rows - lost:,} of {rows:,} sampled entries are numbers now, the others are NaN"

        why = f"{column.odd_count:,} of {column.entries:,} entries of {name} are no numbers: {', '.join(map(repr, column.odd[:3]))}"
        copies = f"{', '.join(both)} = {', '.join(f'{df}.copy()' for df in both)}"
        yield Draft("numbers that came as text", why, "\n".join([sampled.stated, "import pandas as pd", copies, *lines]), sampled.frames, verify)


def _written(sampled: Sampled) -> Iterator[Draft]:
    """Columns all of whose entries are numbers written as text."""
    look = sampled.answers.get("features")
    columns = [column.field for column in (look.written if look is not None else ()) if column.measured] if sampled.is_table else []
    if not columns:
        return
    both = sampled.listed("df").split(", ")
    lines = [f"{df} = {df}.assign(**{df}[{columns!r}].apply(pd.to_numeric))" for df in both]

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        known = sum(int(before[df][columns].notna().sum().sum()) for df in both)
        left = sum(int(after[df][columns].notna().sum().sum()) for df in both)
        numbers = all(after[df][name].dtype.kind in "fiu" for df in both for name in columns)
        return f"{left:,} sampled entries are numbers now, none is lost" if numbers and known == left else ""

    why = f"all sampled entries of {', '.join(columns[:3])} are numbers written as text"
    yield Draft("text that is numbers throughout", why, "\n".join([sampled.stated, "import pandas as pd", *lines]), sampled.frames, verify)


def _stand_ins(sampled: Sampled) -> Iterator[Draft]:
    """A number such as -999 that stands for a missing one."""
    look, field = sampled.answers.get("features"), sampled.field
    if look is None or field is None or field.kind != "tabular" or numpy.ndim(field.sample) != 2:
        return
    found = {c.name: c.sentinel.value for c in look.looks if c.sentinel is not None and c.sentinel.certain and c.field == field.name and c.name in field.axis_names}
    values = {sampled.columns()[field.axis_names.index(name)]: value for name, value in found.items()}
    if not values:
        return
    columns = tuple(values)
    if sampled.is_table:
        lines = [f"stands_for_missing = {values!r}"]
        lines += [f'{df} = {df}.replace(stands_for_missing, float("nan"))' for df in sampled.listed("df").split(", ")]
        lines += ["fill = train_df[list(stands_for_missing)].median().to_dict()  # of train only"]
        lines += [f"{df} = {df}.fillna(fill)" for df in sampled.listed("df").split(", ")]
    else:
        lines = ["import torch", f"columns, stand_in = {list(columns)}, torch.tensor({list(values.values())})"]
        lines += ['known = torch.where(train_inputs[:, columns] == stand_in, float("nan"), train_inputs[:, columns])']
        lines += ["median = known.nanmedian(dim=0).values  # of train only"]
        for x in sampled.listed("inputs").split(", "):
            lines += [f"{x} = {x}.index_copy(1, torch.tensor(columns), torch.where({x}[:, columns] == stand_in, median, {x}[:, columns]))"]

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        replaced = 0
        for word in sampled.words:
            a, b = matrix(before, word, columns), matrix(after, word, columns)
            hit = numpy.isclose(a, numpy.array(list(values.values())), rtol=1e-6)
            if numpy.isclose(b, numpy.array(list(values.values())), rtol=1e-6).any() or not alike(a[~hit & numpy.isfinite(a)], b[~hit & numpy.isfinite(a)]):
                return ""
            replaced += int(hit.sum())
        return f"{replaced:,} of them in the sampled rows are the median of the others now, none is left" if replaced else ""

    name, value = next(iter(found.items()))
    yield Draft("numbers that stand for missing ones", f"{value:g} in {name} lies far from all other values, again and again", "\n".join([sampled.stated, *lines]), sampled.names, verify)
