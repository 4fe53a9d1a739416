"""A field of both splits as columns of numbers that can be compared one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy

from nbdebug.data.accompanying import accompanies, is_place_in_batch
from nbdebug.data.between.images import feature_names, features
from nbdebug.data.between.vectors import comparable, evenly, shrunk, table, unpadded
from nbdebug.data.split import FieldData, Split

MOST_ROWS, MOST_COLUMNS = 5000, 300
MOST_IMAGES = 2000
PARTS, MOST_PARTS, SHORTEST = 8, 24, 4  # of a series: at most, of all its channels together, and steps of one
SIDE = 8  # pixels a side, of which contrast is measured


@dataclass(frozen=True)
class View:
    """The sampled rows of one field, one row a sample. Lives while a question is asked."""

    field: str
    kind: str
    names: tuple[str, ...]  # of the columns
    train: numpy.ndarray  # (n, D) float64
    val: numpy.ndarray  # (m, D)
    order: numpy.ndarray  # (n,) the rows of train as they lie in the data: by dataset index where it is known
    rows: numpy.ndarray  # (n,) places in train's sample
    means: tuple[numpy.ndarray, numpy.ndarray] | None = None  # of channels, (n, C) and (m, C); images and series only
    stds: tuple[numpy.ndarray, numpy.ndarray] | None = None
    share: float = 1.0  # samples of val over those of train


def views(train: Split, val: Split) -> list[View]:
    """All fields that both have, and that are made of numbers or have a length."""
    found = []
    for theirs in train.fields:
        ours = val.named(theirs.name)
        if ours is not None and (view := view_of(train, val, theirs, ours)) is not None:
            found.append(replace(view, share=val.samples / max(1, train.samples)))
    return found


def view_of(train: Split, val: Split, theirs: FieldData, ours: FieldData) -> View | None:
    """None where the two cannot be compared."""
    if accompanies(theirs) or is_place_in_batch(train, theirs) or theirs.kind not in ("tabular", "quantity", "image", "series", "audio", "text", "tokens"):
        return None
    if not comparable(theirs, ours):
        shared = _shared_columns(theirs, ours)
        if shared is None:
            return None
        names, a, b = shared
        return _made(train, theirs, names, a, b)
    if theirs.kind in ("text", "tokens"):
        if not isinstance(theirs.sample, list):
            return None
        return _made(train, theirs, ("length",), lengths(theirs)[:, None], lengths(ours)[:, None])
    a, b = table(theirs), table(ours)
    if a is None or b is None:
        return None
    if theirs.kind == "image" or (theirs.kind in ("series", "audio") and theirs.sample.ndim == 3):
        return _of_channels(train, theirs, ours)
    names = theirs.axis_names if len(theirs.axis_names) == a.shape[1] else tuple(f"column {i}" for i in range(a.shape[1]))
    return _made(train, theirs, names, a, b)


def profiles(train: Split, val: Split) -> list[View]:
    """Series by the mean of every channel in every part of them: of spectra, or of beats, the places are the same in all samples."""
    found = []
    for theirs in train.fields:
        ours = val.named(theirs.name)
        if ours is None or theirs.kind != "series" or theirs.role != "input" or not comparable(theirs, ours) or getattr(theirs.sample, "ndim", 0) != 3:
            continue
        count, rows, own = _parts(theirs.sample.shape), evenly(len(theirs.sample), MOST_IMAGES), evenly(len(ours.sample), MOST_IMAGES)
        if count > 1:
            names = tuple(f"part {part + 1} of {count} of channel {channel}" for part in range(count) for channel in range(min(theirs.sample.shape[1:])))
            a, b = _profile(theirs, rows, count), _profile(ours, own, count)
            found.append(View(theirs.name, theirs.kind, names, a, b, _order(train, rows), rows, share=val.samples / max(1, train.samples)))
    return found


def _of_channels(train: Split, theirs: FieldData, ours: FieldData) -> View:
    rows = evenly(len(theirs.sample), MOST_IMAGES)
    (m, s), (v, t) = _tones(theirs, rows), _tones(ours, evenly(len(ours.sample), MOST_IMAGES))
    a, b = features(m, s), features(v, t)
    return View(theirs.name, theirs.kind, feature_names(m.shape[1], theirs.kind), a, b, _order(train, rows), rows, (m, v), (s, t))


def _made(train: Split, field: FieldData, names: tuple[str, ...], a: numpy.ndarray, b: numpy.ndarray) -> View:
    rows, own = evenly(len(a), MOST_ROWS), evenly(len(b), MOST_ROWS)
    columns = slice(0, MOST_COLUMNS)
    return View(field.name, field.kind, tuple(names)[columns], a[rows][:, columns], b[own][:, columns], _order(train, rows), rows)


def _order(train: Split, rows: numpy.ndarray) -> numpy.ndarray:
    return numpy.argsort(train.ids[rows], kind="stable") if train.by_index and len(train.ids) > rows.max(initial=0) else numpy.arange(len(rows))


def _shared_columns(theirs: FieldData, ours: FieldData) -> tuple[tuple[str, ...], numpy.ndarray, numpy.ndarray] | None:
    """The columns of one name, of tables whose columns are not the same."""
    a, b = table(theirs), table(ours)
    if theirs.kind != "tabular" or ours.kind != "tabular" or a is None or b is None:
        return None
    if len(theirs.axis_names) != a.shape[1] or len(ours.axis_names) != b.shape[1]:
        return None
    names = tuple(name for name in theirs.axis_names if name in ours.axis_names and not name.startswith("column "))
    if not names:
        return None
    return names, a[:, [theirs.axis_names.index(n) for n in names]], b[:, [ours.axis_names.index(n) for n in names]]


def _tones(field: FieldData, which: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Mean and standard deviation of every channel of every sample, (K, C) each; of images at 8 x 8, where noise is averaged out.

    Of a series the longer axis is time, whichever way it lies.
    """
    rows = shrunk(field.sample[which], SIDE) if field.kind == "image" else field.sample[which]
    rows = rows.swapaxes(1, 2) if field.kind != "image" and rows.shape[1] < rows.shape[2] else rows
    values = rows.reshape(len(which), -1, rows.shape[-1]).astype(numpy.float64, copy=False)
    return values.mean(1), values.std(1)


def _parts(shape: tuple[int, ...]) -> int:
    """Into how many parts a series is cut."""
    return min(PARTS, MOST_PARTS // min(shape[1:]), max(shape[1:]) // SHORTEST)


def _profile(field: FieldData, which: numpy.ndarray, count: int) -> numpy.ndarray:
    """(K, parts * C)."""
    rows = field.sample[which]
    rows = rows.swapaxes(1, 2) if rows.shape[1] < rows.shape[2] else rows
    return numpy.concatenate([part.mean(1, dtype=numpy.float64) for part in numpy.array_split(rows, count, 1)], 1)


def lengths(field: FieldData) -> numpy.ndarray:
    """(K,) of sequences without their padding, and of texts; NaN of what is missing."""
    known = (None if entry is None else len(entry) if isinstance(entry, str) else len(unpadded(field, entry)) for entry in field.sample)
    return numpy.array([numpy.nan if length is None else float(length) for length in known])
