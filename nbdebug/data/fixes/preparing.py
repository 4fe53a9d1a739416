"""Validation prepared otherwise than training: which step brings the one to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy

from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled

APART = 0.3  # largest distance of two distribution functions from which the sides differ as a preparation makes them; our choice
CHANCE = 1.63  # times sqrt(1 / n + 1 / m): two samples of one distribution lie farther apart once in a hundred. Smirnov (1948)
TOGETHER = 0.1  # or this, where there are many: below it the sides agree
CLEARLY = 0.5  # of what it was: a step that only helps a little is not the one
FEWEST = 24  # samples on each side


def preparing(sampled: Sampled) -> Iterator[Draft]:
    """The one known step that makes val look like train, where the look between the splits says that they were prepared differently."""
    look = sampled.answers.get("between")
    if look is None or not look.preparations:
        return
    if sampled.val_field is None or sampled.field.kind not in ("image", "tabular") or min(len(sampled.train.ids), len(sampled.val.ids)) < FEWEST:
        return
    a, b = _rows(sampled.field.sample), _rows(sampled.val_field.sample)
    if sampled.is_table or a.shape[1] != b.shape[1]:
        return
    apart = distance(a, b)
    if not apart > APART:
        return
    tried = [(distance(a, step(b)), name, step) for name, step in _steps(sampled).items()]
    best, name, step = min(tried, key=lambda found: found[0])
    if not _agree(a, b, best, apart):
        return
    yield _draft(sampled, apart, name)


def _agree(a: numpy.ndarray, b: numpy.ndarray, left: float, apart: float) -> bool:
    """Whether what is left of the distance is what chance makes."""
    return left <= max(TOGETHER, CHANCE * (1 / len(a) + 1 / len(b)) ** 0.5) and left <= CLEARLY * apart


def distance(a: numpy.ndarray, b: numpy.ndarray) -> float:
    """The largest two-sample Kolmogorov distance over the columns, of the rows' means where a row is an image."""
    found = 0.0
    for x, y in zip(a.T, b.T, strict=True):
        x, y = numpy.sort(x[numpy.isfinite(x)]), numpy.sort(y[numpy.isfinite(y)])
        if not len(x) or not len(y):
            return 1.0
        both = numpy.concatenate([x, y])
        found = max(found, float(numpy.abs(numpy.searchsorted(x, both, "right") / len(x) - numpy.searchsorted(y, both, "right") / len(y)).max()))
    return found


def _rows(sample: Any) -> numpy.ndarray:
    """(K, D): columns, or mean and spread of each channel of an image."""
    values = numpy.asarray(sample, numpy.float64)
    if values.ndim == 4:
        values = numpy.concatenate([values.mean((1, 2)), values.std((1, 2))], 1)
    return values


def _steps(sampled: Sampled) -> dict[str, Callable[[numpy.ndarray], numpy.ndarray]]:
    """Code with `{x}` → what it does to the rows."""
    train, val = sampled.field.columns, sampled.val_field.columns
    channels = len(train.names)
    images = sampled.field.kind == "image"

    def linear(scale: Any, shift: Any = 0.0) -> Callable[[numpy.ndarray], numpy.ndarray]:
        scale, shift = (numpy.broadcast_to(numpy.asarray(v, float), channels) for v in (scale, shift))
        if images:
            scale, shift = numpy.concatenate([scale, numpy.abs(scale)]), numpy.concatenate([shift, numpy.zeros(channels)])
        return lambda rows: rows * scale + shift

    steps = {
        "{x} / 255": linear(1 / 255), "{x} * 255": linear(255), "{x} * 2 - 1": linear(2, -1), "({x} + 1) / 2": linear(0.5, 0.5),
        "{x} / 127.5 - 1": linear(1 / 127.5, -1), "({x} + 1) * 127.5": linear(127.5, 127.5), "1 - {x}": linear(-1, 1), "255 - {x}": linear(-1, 255),
    }  # fmt: skip
    layout = getattr(sampled.field.facts, "layout", "")
    if images and channels == 3 and layout in ("CHW", "HWC"):
        steps["{x}.flip(-3)" if layout == "CHW" else "{x}.flip(-1)"] = lambda rows: rows[:, [2, 1, 0, 5, 4, 3]]
    std = numpy.where(val.std > 0, val.std, 1.0)
    if numpy.isfinite(val.mean).all() and _standard(train) and not _standard(val):  # train is standardised, val is raw
        steps[_standardised("({x} - mean) / std", val.mean, std, layout)] = linear(1 / std, -val.mean / std)
    std = numpy.where(train.std > 0, train.std, 1.0)
    if numpy.isfinite(train.mean).all() and _standard(val) and not _standard(train):
        steps[_standardised("{x} * std + mean", train.mean, std, layout)] = linear(std, train.mean)
    return steps


def _standard(columns: Any) -> bool:
    return bool((numpy.abs(columns.mean) < 0.3).all() and (numpy.abs(columns.std - 1) < 0.3).all())


def _standardised(formula: str, mean: numpy.ndarray, std: numpy.ndarray, layout: str) -> str:
    shape = ".view(-1, 1, 1)" if layout == "CHW" else ""
    mean, std = ([float(f"{value:.4g}") for value in values] for values in (mean, std))
    return formula.replace("mean", f"torch.tensor({mean}){shape}").replace("std", f"torch.tensor({std}){shape}")


def _draft(sampled: Sampled, apart: float, name: str) -> Draft:
    code = "\n".join([
        f"# val_inputs: {sampled.field.name} of your validation samples, {sampled.shape}; better still, give both datasets the same transform",
        *(["import torch"] if "torch" in name else []), f"val_inputs = {name.format(x='val_inputs')}",
    ])  # fmt: skip
    where = "mean and spread of the channels" if sampled.field.kind == "image" else "columns"
    why = f"{where} lie {apart:.2f} apart between train and val (0 is alike, 1 is apart)"

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        a, b = (_rows(_channels_last(sampled, names[f"{word}_inputs"])) for word, names in (("train", before), ("val", after)))
        left = distance(a, b)
        if not _agree(a, b, left, apart):
            return ""
        return f"{len(b):,} sampled val rows then lie {left:.2f} apart from {len(a):,} of train"

    return Draft("prepare val as train is prepared", why, code, sampled.tensors, verify)


def _channels_last(sampled: Sampled, inputs: Any) -> numpy.ndarray:
    values = inputs.double().numpy()
    layout = getattr(sampled.field.facts, "layout", "")
    return numpy.moveaxis(values, 1, -1) if layout == "CHW" else values[..., None] if layout == "HW" else values
