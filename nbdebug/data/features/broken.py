"""NaN and Inf that the pass saw in fields of numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import torch

from nbdebug.batch import tensors
from nbdebug.data.chunk import Rows
from nbdebug.data.split import FieldData, Split

NAMED = 5
SAMPLES = 24
COVERED = 0.5  # of what a mask marks, that is not finite; our choice


@dataclass(frozen=True)
class Broken:
    """One field of one loader."""

    split: str
    field: str
    role: str
    kind: str
    missing: int  # NaN
    infinite: int
    read: int  # values
    columns: tuple[str, ...]  # the first that hold any; empty where there is but one
    column_count: int
    infinite_columns: tuple[str, ...]
    ids: tuple[int, ...]  # of sampled rows
    infinite_ids: tuple[int, ...]
    places: tuple[str, ...]  # "dataset index 17"
    frame: bool  # a table's: missing values are no surprise there
    meant: str  # why they are no accident: "a mask of 0 and -Inf", …; or ""


def broken(split: Split, seconds: float) -> tuple[Broken, ...]:
    """Every field that holds a value which is not finite.

    Args:
        seconds: that may be spent on searching the dataset for a sample of those of which none was sampled.
    """
    frame = isinstance(split.first, Rows)
    found = (_broken(field, split, frame, seconds) for field in split.fields if field.columns is not None)
    return tuple(look for look in found if look is not None)


def _broken(field: FieldData, split: Split, frame: bool, seconds: float) -> Broken | None:
    stats = field.columns
    missing, infinite = int(stats.missing.sum()), int(stats.infinite.sum())
    if not missing + infinite:
        return None
    hit = numpy.flatnonzero(stats.missing + stats.infinite)
    infinite_hit = numpy.flatnonzero(stats.infinite)
    ids, infinite_ids = _noted(field) or _rows_with(field, split, numpy.isfinite), _rows_with(field, split, lambda v: ~numpy.isinf(v))
    if not ids and not frame:
        ids = _searched(split, field, seconds)
    named = tuple(stats.names[i] for i in hit[:NAMED]) if len(stats.names) > 1 else ()
    return Broken(
        split.name, field.name, field.role, field.kind, missing, infinite, int(stats.count.sum()), named, len(hit),
        tuple(stats.names[i] for i in infinite_hit[:NAMED]), ids, infinite_ids, tuple(split.name_of(i) for i in ids[:NAMED]), frame,
        "" if frame else _meant(field, split),
    )  # fmt: skip


def _noted(field: FieldData) -> tuple[int, ...]:
    """Samples that the pass itself took down, of images."""
    tally = getattr(field.facts, "broken", {})
    return tuple(i for word in ("NaN", "Inf") for i in tally.get(word, (0, ()))[1])[:SAMPLES]


def _searched(split: Split, field: FieldData, seconds: float) -> tuple[int, ...]:
    """The first sample of the dataset with such a value, of the only field that has any in its place."""
    if split.fetch is None or not split.by_index or sum(f.role == field.role for f in split.fields) != 1:
        return ()
    started = time.perf_counter()
    for number in range(split.total or 0):
        if time.perf_counter() - started > seconds:
            return ()
        parts = [part for _, part in tensors(split.fetch(number)) if part.is_floating_point()]
        if any(not bool(torch.isfinite(part).all()) for part in parts):
            return (number,)
    return ()


def _rows_with(field: FieldData, split: Split, sound: Callable[[numpy.ndarray], numpy.ndarray]) -> tuple[int, ...]:
    sample = field.sample
    if not isinstance(sample, numpy.ndarray) or sample.dtype.kind != "f" or not len(sample):
        return ()
    wrong = ~sound(sample).reshape(len(sample), -1).all(1)
    return tuple(int(i) for i in split.ids[: len(sample)][wrong][:SAMPLES])


def _meant(field: FieldData, split: Split) -> str:
    """Why these values may well be meant; the sampled rows tell."""
    sample, stats = field.sample, field.columns
    finite = stats.low[numpy.isfinite(stats.low)], stats.high[numpy.isfinite(stats.high)]
    if not stats.missing.any() and not any(part.any() for part in finite):
        return "a mask of 0 and Inf"
    if not isinstance(sample, numpy.ndarray) or sample.dtype.kind != "f":
        return ""
    wrong = ~numpy.isfinite(sample)
    if field.kind == "series" and sample.ndim == 3 and _at_the_ends(wrong.all(2)) and (wrong.all(2) == wrong.any(2)).all():
        return "padding at the ends of the series"
    for other in split.fields:
        if other is not field and wrong.any() and _marks(other, wrong):
            return f"{other.name} marks them"
    if field.role == "target" and sample.ndim == 2 and sample.shape[1] > 1 and not wrong.all(1).any():
        return "of several targets, some are known of every sample"
    return ""


def _marks(other: FieldData, wrong: numpy.ndarray) -> bool:
    """Whether this field is 0 and 1 and says where values (n, …) are not finite: value by value, step by step or sample by sample."""
    marked = _zeros_and_ones(other.sample)
    if marked is None or marked.shape != wrong.shape[: marked.ndim] or (marked.ndim == 1 and other.role != "input"):
        return False
    there = wrong.reshape(*marked.shape, -1).any(-1)
    return any(not (there & ~side).any() and there.sum() >= COVERED * side.sum() for side in (marked, ~marked))


def _zeros_and_ones(sample: Any) -> numpy.ndarray | None:
    """(n, …) bool, without a last axis of one; None for anything else."""
    if isinstance(sample, list) and len({numpy.shape(entry) for entry in sample}) == 1 and isinstance(sample[0], numpy.ndarray):
        sample = numpy.stack(sample)
    if not isinstance(sample, numpy.ndarray) or sample.dtype.kind not in "biuf" or not bool(((sample == 0) | (sample == 1)).all()):
        return None
    return (sample[..., 0] if sample.ndim > 1 and sample.shape[-1] == 1 else sample).astype(bool)


def _at_the_ends(steps: numpy.ndarray) -> bool:
    """Whether the marked steps (n, T) of each row are its last or its first ones."""
    turns = numpy.abs(numpy.diff(steps.astype(int), axis=1)).sum(1)
    return bool(steps.any() and not steps.all(1).any() and (turns <= 1).all())
