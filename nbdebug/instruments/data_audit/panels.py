"""The data look as panels: what was read, class balance, statistics, histogram, samples."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nbdebug.instruments.data_audit.eye.members import Member, numbers
from nbdebug.instruments.data_audit.result import Column, DataLook, Field, Labels, LoaderLook
from nbdebug.page import Gallery, Histogram, Note, Panel, Picture, Table

PICTURES = 8
SIDE = 32  # pixels; larger images are thinned out
BARS = 60  # classes that are drawn; of more, the extremes are listed
EXTREMES = 10


def panels(look: DataLook) -> tuple[Panel, ...]:
    """All panels of a data look."""
    found: list[Panel] = [_what_was_read(look)]
    for loader in look.loaders:
        for field, labels in look.labels(loader):
            if labels.counts:
                found.append(_balance(f"{loader.name}: {field.name}", labels))
    for field in look.train.fields:
        if field.overall is not None and (field.labels is None or not field.labels.counts):
            found.extend(_statistics(field))
    for answer in (look.structure, look.features, look.classes, look.between, look.fixes, look.samples):
        if answer is not None:
            found.extend(answer.panels())
    if look.pictures:
        caption = "the first samples; the darkest and the brightest value of them all are black and white"
        found.append(Gallery("samples", look.pictures, caption))
    return tuple(found)


def pictures(found: list[Member]) -> tuple[Picture, ...]:
    """Up to 8 samples of the first tensor that looks like images, in grey or colour and in 0..1."""
    images = next((m.tensor for m in found if m.role == "input" and _looks_like_images(m.tensor)), None)
    values = numbers(images[:PICTURES]) if images is not None else None
    if values is None:
        return ()
    every = -(-max(values.shape[2:]) // SIDE)
    values = values[:, :, ::every, ::every].nan_to_num(0.0, 0.0, 0.0)
    low, high = values.min(), values.max()
    values = ((values - low) / (high - low).clamp(min=1e-12)).movedim(1, -1)  # (N, H, W, C)
    labels = _labels_of(found, len(values))
    return tuple(Picture(label, _pixels(image)) for label, image in zip(labels, values, strict=True))


def _what_was_read(look: DataLook) -> Note:
    sentences = [sentence for loader in look.loaders for sentence in _reading(loader)]
    if look.loss is not None:
        sentences.append(f"The loss of the first batch is {look.loss:.4g}.")
    elif look.step_error:
        sentences.append(f"The loss of the first batch could not be computed: {look.step_error}.")
    return Note("what was read", " ".join(sentences))


def _reading(loader: LoaderLook) -> Iterator[str]:
    extent = f"all {loader.batches:,} batches" if loader.whole else f"the first {loader.batches:,} batches"
    yield f"{loader.name} ({loader.sampler_name}): {extent}, {loader.samples:,} samples."
    if loader.structure:
        yield f"The first batch is {loader.structure}."
    if not loader.rewinds:
        yield "Its dataset is iterable and cannot be rewound: what was read here is used up if it reads a stream."
    if loader.error:
        yield f"Reading it ended early: {loader.error}."


def _balance(title: str, labels: Labels) -> Panel:
    title = f"class balance, {title}"
    values = [label for label, _ in labels.counts]
    low, high = int(min(values)), int(max(values))
    if all(label == int(label) for label in values) and high - low < BARS:
        by_label = dict(labels.counts)
        edges = tuple(label - 0.5 for label in range(low, high + 2))
        counts = tuple(by_label.get(float(label), 0) for label in range(low, high + 1))
        return Histogram(title, edges, {"samples": counts}, x_label="label")
    ranked = sorted(labels.counts, key=lambda pair: -pair[1])
    shown = ranked if len(ranked) <= 2 * EXTREMES else ranked[:EXTREMES] + ranked[-EXTREMES:]
    caption = f"{len(shown)} of {len(ranked)} labels: the most and the least frequent"
    return Table(title, ("label", "count"), tuple(shown), caption)


def _statistics(field: Field) -> Iterator[Panel]:
    overall = field.overall
    assert overall is not None
    caption = f"{field.dtype} {field.shape}"
    if field.column_count > len(field.columns):
        caption += f"; {len(field.columns)} of {field.column_count}: the narrowest and the widest"
    if field.constant_count:
        caption += f"; {field.constant_count} constant"
    heads = ("", "mean", "std", "min", "max", "zeros %")
    rows = field.columns if field.column_count == 1 else (overall, *field.columns)
    yield Table(f"statistics of {field.name}", heads, tuple(_row(column) for column in rows), caption)
    if field.labels is None and field.counts:
        caption = "the outer bins hold what lies beyond the first batch's range"
        yield Histogram(f"values of {field.name}", field.edges, {field.name: field.counts}, "value", caption=caption)


def _row(column: Column) -> tuple[str | float, ...]:
    return (column.name, column.mean, column.std, column.low, column.high, round(100 * column.zeros, 1))


def _looks_like_images(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and tensor.shape[1] in (1, 3) and min(tensor.shape[2:]) >= 4 and len(tensor) > 0


def _labels_of(found: list[Member], count: int) -> list[str]:
    targets = next((m.tensor for m in found if m.role == "target"), None)
    if targets is None or targets.ndim != 1 or len(targets) < count or targets.is_complex():
        return [""] * count
    return [f"{value:g}" for value in targets[:count].tolist()]


def _pixels(image: Tensor) -> tuple[tuple[tuple[float, ...], ...], ...]:
    rounded = (image.to(torch.float64) * 1000).round() / 1000
    return tuple(tuple(tuple(pixel) for pixel in row) for row in rounded.tolist())
