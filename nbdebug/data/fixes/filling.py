"""Missing values: the median of the training rows for numbers, their most frequent value for words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled, alike, matrix
from nbdebug.data.split import FieldData, Split

NAMED = 12  # columns that the code lists; of more it takes all
ACCIDENT = 0.05  # of the targets; more are left open on purpose


def filling(sampled: Sampled) -> Iterator[Draft]:
    """An imputer, and the rows without a target left out."""
    numbers, words = _holes(sampled), _words_with_holes(sampled)
    if numbers or words:
        why = _why(sampled, numbers, words)
        code = _frame_code(sampled, numbers, words) if sampled.is_table else _tensor_code(sampled)
        yield Draft("fill in missing values", why, code, lambda: _with_holes(sampled, numbers), lambda a, b: _verified(sampled, numbers, words, a, b))
    yield from _without_target(sampled)


def _holes(sampled: Sampled) -> list[Any]:
    """Columns of numbers in which a value is missing or infinite, but not all of them."""
    field = sampled.field
    if field is None or field.columns is None or field.kind != "tabular" or _is_meant(sampled):
        return []
    found = numpy.zeros(len(field.columns.names), bool)
    for part in (field, sampled.val_field):
        if part is not None:
            found |= part.columns.missing + part.columns.infinite > 0
    some = field.columns.missing + field.columns.infinite < field.columns.count
    return [name for name, is_found in zip(sampled.columns(), found & some, strict=True) if is_found]


def _is_meant(sampled: Sampled) -> bool:
    """Whether the look at the features knows why values are missing, such as a mask beside them."""
    look = sampled.answers.get("features")
    return any(b.meant and b.field == sampled.field.name for b in (look.broken if look is not None else ()))


def _words_with_holes(sampled: Sampled) -> list[str]:
    if not sampled.is_table:
        return []

    def missing(split: Split | None, name: str) -> int:
        field = split.named(name) if split is not None else None
        return getattr(field.facts, "missing", 0) if field is not None else 0

    names = [field.name for field in sampled.train.fields if field.role == "input" and field.kind == "category" and field.facts.counts]
    return [name for name in names if missing(sampled.train, name) or missing(sampled.val, name)]


def _why(sampled: Sampled, numbers: list[Any], words: list[str]) -> str:
    told = []
    for name in words:
        missing = sampled.train.named(name).facts.missing
        told.append((missing / max(1, sampled.train.samples), f"{name}"))
    if numbers:
        columns, places = sampled.field.columns, {name: i for i, name in enumerate(sampled.columns())}
        share = (columns.missing + columns.infinite) / numpy.maximum(columns.count, 1)
        told += [(float(share[places[name]]), columns.names[places[name]]) for name in numbers]
    told.sort(key=lambda pair: -pair[0])
    listed = ", ".join(f"{share:.1%} of {name}" for share, name in told[:3])
    return f"missing in train: {listed}" + (f" and {len(told) - 3} more columns" if len(told) > 3 else "")


def _frame_code(sampled: Sampled, numbers: list[Any], words: list[str]) -> str:
    lines = [sampled.stated]
    both = sampled.listed("df").split(", ")
    infinite = sum(int(part.columns.infinite.sum()) for part in (sampled.field, sampled.val_field) if part is not None and part.columns is not None)
    if infinite:
        made = ", ".join(f'{name}.replace([float("-inf"), float("inf")], float("nan"))' for name in both)
        lines.append(f"{', '.join(both)} = {made}")
    if numbers:
        taken = f"train_df[{numbers!r}]" if len(numbers) <= NAMED else f"train_df.drop(columns={_target(sampled)!r})"
        lines.append(f"fill = {taken}.median(numeric_only=True).to_dict()  # of train only")
    if words:
        lines.append(f"{'fill |=' if numbers else 'fill ='} train_df[{words!r}].mode().iloc[0].to_dict()  # the most frequent ones")
    lines.append(f"{', '.join(both)} = {', '.join(f'{name}.fillna(fill)' for name in both)}")
    return "\n".join(lines)


def _target(sampled: Sampled) -> list[str]:
    return [sampled.target.name] if sampled.target is not None else []


def _tensor_code(sampled: Sampled) -> str:
    both = sampled.listed("inputs").split(", ")
    filled = [f"{name} = torch.where({name}.isfinite(), {name}, median)" for name in both]
    return "\n".join([
        sampled.stated, "import torch",
        'finite = torch.where(train_inputs.isfinite(), train_inputs, float("nan"))',
        "median = finite.nanmedian(dim=0).values  # of train only", *filled,
    ])  # fmt: skip


def _with_holes(sampled: Sampled, numbers: list[Any]) -> dict[str, Any]:
    """The sampled rows; where none of them has the trouble, one is given it, so that the trial is one."""
    names = sampled.names()
    for word in sampled.words:
        for column in numbers:
            if numpy.isfinite(matrix(names, word, (column,))).all():
                if sampled.is_table:
                    names[f"{word}_df"].loc[0, column] = numpy.nan
                else:
                    names[f"{word}_inputs"][0, column] = float("nan")
    return names


def _verified(sampled: Sampled, numbers: list[Any], words: list[str], before: dict[str, Any], after: dict[str, Any]) -> str:
    filled = rows = 0
    for word in sampled.words:
        a, b = matrix(before, word, tuple(numbers)), matrix(after, word, tuple(numbers))
        finite = numpy.isfinite(a)
        if not numpy.isfinite(b).all() or not alike(a[finite], b[finite]):
            return ""
        filled, rows = filled + int((~finite).sum()), rows + len(a)
        for name in words:
            was, is_ = before[f"{word}_df"][name], after[f"{word}_df"][name]
            if is_.isna().any() or not (was[was.notna()] == is_[was.notna()]).all():
                return ""
            filled += int(was.isna().sum())
    return f"{filled:,} missing values in {rows:,} sampled rows filled in, none left, all others as they were"


def _without_target(sampled: Sampled) -> Iterator[Draft]:
    target = sampled.target
    missing = _missing_targets(target)
    if not sampled.is_table or not missing or missing >= sampled.train.samples:
        return
    both = sampled.listed("df").split(", ")
    code = "\n".join([sampled.stated, *(f"{name} = {name}.dropna(subset=[{target.name!r}])" for name in both)])

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        for name in both:
            if after[name][target.name].isna().any() or len(after[name]) != before[name][target.name].notna().sum():
                return ""
        gone = sum(len(before[name]) - len(after[name]) for name in both)
        return f"{gone:,} of {sum(len(before[name]) for name in both):,} sampled rows left out, no target missing"

    why = f"{missing:,} of {sampled.train.samples:,} targets are missing"
    yield Draft("leave out rows without a target", why, code, sampled.frames, verify, optional=missing > ACCIDENT * sampled.train.samples)


def _missing_targets(target: FieldData | None) -> int:
    if target is None:
        return 0
    if target.columns is not None:
        return int(target.columns.missing.sum())
    return int(getattr(target.facts, "missing", 0) or 0)
