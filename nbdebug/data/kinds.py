"""Which kind of data a field is: from its shape, dtype and values, unless the user says so."""

from __future__ import annotations

import re

import numpy

from nbdebug.data.chunk import TARGET, Field
from nbdebug.data.labels import are_classes

OF_TARGETS = ("classes", "quantity")  # kinds that a user tells of the targets and not of the inputs
LOOKED_AT = 4096  # samples
WAVE = 2000  # values in a row, from where on numbers about zero are a sound: an eighth of a second at 16 kHz
SIDE = 8  # pixels of the smallest image
SMOOTH = 0.7  # step from a pixel to the next, in standard deviations; independent values have 1.13
LENGTHS, FILLED = 4, 0.5  # of the runs of one value that fill the ends of rows of a padded sequence, from where on its columns may differ as much; our choice
STATIONARY = 0.3  # share of the variance that the columns' means make up: tokens stay below, columns of a table above
SENTENCE = 30  # characters of a text, against the name of a category; our choice
MANY = 0.5  # different entries a sample, from where on they are texts


def kind_of(field: Field, told: str | None = None) -> str:
    """One of `split.KINDS`."""
    if told is not None and (told in OF_TARGETS) == (field.role == TARGET) and _can_be(told, field.values):
        return told
    values = field.values
    if isinstance(values, list):
        return _of_list(field, [value for value in values[:LOOKED_AT] if value is not None])
    values = values[:LOOKED_AT]
    if values.dtype.kind in "OUS":
        return "category" if field.role != TARGET else "classes"
    if values.dtype.kind in "mM":
        return "time"
    named = _by_name(field.name, values)
    if named:
        return named
    return (_of_targets if field.role == TARGET else _of_inputs)(values, field)


def _can_be(told: str, values: numpy.ndarray | list) -> bool:
    """Whether the entries have the shape of what the user says; a batch may hold other fields beside."""
    if isinstance(values, list):
        first = next((value for value in values if value is not None), None)
        texts = isinstance(first, str)
        if told in ("text", "category", "classes"):
            return texts or not isinstance(first, numpy.ndarray)
        dims = first.ndim if isinstance(first, numpy.ndarray) else -1
        wholes = dims >= 0 and first.dtype.kind in "iub"
    else:
        dims, wholes = values.ndim - 1, values.dtype.kind in "iub"
        if values.dtype.kind not in "iubf":
            return told in ("time", "category", "classes", "other")
    wanted = {
        "image": dims in (2, 3), "tokens": dims == 1 and wholes, "tabular": dims in (0, 1) and not isinstance(values, list),
        "series": dims in (1, 2), "audio": dims in (1, 2), "classes": dims == 0, "category": dims == 0, "quantity": dims in (0, 1),
        "mask": dims >= 1, "boxes": dims == 2, "text": False, "time": False, "other": True,
    }  # fmt: skip
    return wanted[told]


def _by_name(name: str, values: numpy.ndarray) -> str:
    last = re.findall(r"[A-Za-z_]+", name)[-1:]
    word = last[0].lower() if last else ""
    if word.endswith("mask") and values.ndim >= 2 and _few_levels(values):
        return "mask"
    if word in ("input_ids", "token_ids", "tokens", "decoder_input_ids") and values.ndim == 2 and values.dtype.kind in "iu":
        return "tokens"
    if word in ("audio", "waveform", "waveforms", "wave", "speech", "input_values") and values.ndim in (2, 3) and values.dtype.kind in "fi":
        return "audio"
    if "box" in word and values.ndim >= 2 and values.shape[-1] == 4:
        return "boxes"
    return ""


def _of_inputs(values: numpy.ndarray, field: Field) -> str:
    if values.ndim == 1:
        return "tabular"
    if values.ndim == 2:
        if field.names or values.dtype.kind not in "iu" or values.dtype == numpy.uint8:
            return "audio" if values.dtype.kind == "f" and _is_wave(values) else "tabular"
        return "tokens" if _are_tokens(values) else "tabular"
    if values.ndim == 3:
        if values.dtype == numpy.uint8:
            return "image"
        if values.dtype.kind == "f" and values.shape[1] <= 8 and _is_wave(values):
            return "audio"
        if values.shape[1] == values.shape[2] >= SIDE and _is_picture(values):
            return "image"
        return "series" if values.dtype.kind == "f" else "mask" if _few_levels(values) and min(values.shape[1:]) >= SIDE else "series"
    return "image" if values.ndim == 4 else "other"


def _of_targets(values: numpy.ndarray, field: Field) -> str:
    if values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1):
        flat = values.reshape(-1)
        finite = flat[flat == flat]
        return "classes" if are_classes(*numpy.unique(finite, return_counts=True), field.dtype, missing=len(finite) < len(flat)) else "quantity"
    if values.ndim == 2:
        if is_one_hot(values):
            return "classes"
        if values.dtype.kind == "f" or _few_levels(values, 2):
            return "tabular"
        return "tokens" if values.dtype.kind in "iu" else "tabular"
    if values.ndim == 3:
        return "mask" if values.dtype.kind in "iub" or _few_levels(values) else "series"
    if values.ndim == 4:
        return "mask" if values.dtype.kind in "ib" or _few_levels(values) else "image"
    return "other"


def is_one_hot(values: numpy.ndarray) -> bool:
    """Whether every row of (n, C) is a 1 among zeros."""
    if values.ndim != 2 or values.shape[1] < 2 or not len(values):
        return False
    ones, zeros = values == 1, values == 0
    return bool((ones | zeros).all()) and bool((ones.sum(1) == 1).all())


def _few_levels(values: numpy.ndarray, most: int = 256) -> bool:
    """Whether there are only a few whole numbers, none below zero but the usual marks."""
    some = values.reshape(-1)[:200_000]
    if not some.size or (values.dtype.kind == "f" and not numpy.all(some == numpy.floor(some))):
        return False
    low, high = some.min(), some.max()
    return bool(low >= (-100 if most > 2 else 0) and high < most)


def _is_wave(values: numpy.ndarray) -> bool:
    """Thousands of numbers about zero, now above it and now below."""
    if values.shape[-1] < WAVE:
        return False
    rows = values.reshape(-1, values.shape[-1])[:16].astype(numpy.float64)
    spread = rows.std()
    return bool(numpy.isfinite(spread)) and abs(rows.mean()) < 0.5 * spread and numpy.abs(rows).max() <= 40_000 and _smooth(rows, 1) < SMOOTH


def _is_picture(values: numpy.ndarray) -> bool:
    some = values[:64].astype(numpy.float64)
    if not numpy.isfinite(some).all():
        return False
    return bool(some.min() >= 0 and some.max() > 0) or max(_smooth(some, 1), _smooth(some, 2)) < SMOOTH


def _smooth(values: numpy.ndarray, axis: int) -> float:
    spread = values.std()
    return float(numpy.abs(numpy.diff(values, axis=axis)).mean() / spread) if spread > 0 else 1.0


def _are_tokens(values: numpy.ndarray) -> bool:
    """Whole numbers that are drawn alike at every place, from 0 upwards; the columns of a table have each its own range."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if low < 0 and low not in (-1, -100):
        return False
    if high <= 1:
        return False  # marks of what a sample has
    if len(values) < 4:
        return True
    inside, ragged = _without_filling(values)
    varying = numpy.nanmax(numpy.where(numpy.isfinite(inside), inside, -numpy.inf), axis=0) > numpy.nanmin(numpy.where(numpy.isfinite(inside), inside, numpy.inf), axis=0)
    inside = inside[:, varying] if varying.any() else inside  # a mark that begins every sequence is one column of one value
    known = numpy.isfinite(inside).sum(0) >= 2
    if known.sum() < 2:
        return True
    means, total = numpy.nanmean(inside[:, known], axis=0), numpy.nanvar(inside[:, known])
    chance = 1 / numpy.isfinite(inside[:, known]).sum(0).mean()
    reach = numpy.nanmax(inside[:, known], axis=0) >= 0.1 * high
    return bool(total == 0 or means.var() / total < (FILLED if ragged else STATIONARY) + chance) and bool(reach.mean() > 0.5)


def _without_filling(values: numpy.ndarray) -> tuple[numpy.ndarray, bool]:
    """(n, T) as numbers with NaN where one value fills the end of a row, or its beginning; and whether it does so by many lengths."""
    inside = values.astype(numpy.float64)
    for flipped in (values[:, ::-1], values):  # the right end, then the left one
        different, counts = numpy.unique(flipped[:, 0], return_counts=True)
        filler = different[counts.argmax()]
        if counts.max() < 0.2 * len(values):
            continue
        same = flipped == filler
        runs = numpy.where(same.all(1), flipped.shape[1], same.argmin(1))
        if len(numpy.unique(runs)) < LENGTHS or (same.sum(1) == runs).mean() < 0.9:  # it stands inside, too
            continue
        filled = numpy.arange(values.shape[1]) < runs[:, None]
        inside[filled[:, ::-1] if flipped is not values else filled] = numpy.nan
        return inside, True
    return inside, False


def _of_list(field: Field, values: list) -> str:
    texts = [value for value in values if isinstance(value, str)]
    arrays = [value for value in values if isinstance(value, numpy.ndarray)]
    if arrays:
        return _of_arrays(field, arrays)
    if texts and len(texts) == len(values):
        return _of_texts(field, texts)
    if values and all(isinstance(value, (str, int, float, bool, numpy.generic)) for value in values):
        numeric = not texts and field.role == TARGET
        return "quantity" if numeric and any(isinstance(v, float) and v == v and v != int(v) for v in values) else "classes" if field.role == TARGET else "category"
    return "other"


def _of_texts(field: Field, texts: list[str]) -> str:
    different = len(set(texts)) / len(texts)
    long = sum(map(len, texts)) / len(texts) >= SENTENCE or sum(len(text.split()) > 2 for text in texts) > 0.5 * len(texts)
    if field.role == TARGET:
        return "text" if long and different > MANY else "classes"
    return "text" if long and (different > MANY or len(texts) < 8) else "category"


def _of_arrays(field: Field, arrays: list[numpy.ndarray]) -> str:
    first = arrays[0]
    named = "box" in field.name.lower() and first.ndim == 2 and first.shape[-1] == 4
    if named or (field.role == TARGET and first.ndim == 2 and first.shape[-1] == 4 and first.dtype.kind == "f"):
        return "boxes"
    if first.ndim == 1:
        if first.dtype.kind in "iu" and first.dtype != numpy.uint8:
            return "tokens"
        long = numpy.median([len(array) for array in arrays]) >= WAVE
        return "audio" if long and first.dtype.kind in "fi" else "series" if first.dtype.kind in "fiub" else "other"
    if first.ndim == 3:
        if field.role == TARGET and first.dtype.kind in "ib":
            return "mask"
        return "image"
    if first.ndim == 2:
        if field.role == TARGET and first.dtype.kind in "iub":
            return "mask"
        return "image" if first.dtype == numpy.uint8 else "series"
    return "other"
