"""Targets that are neither one class nor one quantity, as a few columns of numbers: several quantities, a label for every step, a mask,
a picture; and of pairs without a target (a picture and its caption) the second of the two."""

from __future__ import annotations

from dataclasses import replace

import numpy
import torch

from nbdebug.data.accompanying import accompanies
from nbdebug.data.classes.target import Target
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.split import FieldData, Split

COLUMNS, WIDEST = 8, 96  # principal ones, that are kept, and the columns that vary most, of which they are made
KINDS = ("tabular", "tokens", "text", "series", "audio", "image", "mask", "boxes")
ROWS = 50  # in which a copy is looked for
SIDE = 6  # cells of a mask, along each side
OTHERS = 0.1  # share of targets that are inputs of other rows; chance makes none, and a sample of the rows has not all neighbours
PLAIN = ("classes", "tags", "quantity")


def several(train: Split, val: Split | None, targets: tuple[Target | None, Target | None]) -> tuple[tuple[Split, Target], ...]:
    """(split, target) of train and val as they can be asked about their alignment; those of plain targets as they are."""
    known = [(split, target) for split, target in zip((train, val), targets, strict=True) if split is not None and target is not None]
    if any(target.kind in PLAIN for _, target in known) or not len(train.ids):
        return tuple(known)
    name = _field(train)
    splits = [split for split in (train, val) if split is not None and name and split.named(name) is not None]
    if not splits or splits[0] is not train:
        return tuple(known)
    encoded = vectors(*((replace(split, fields=(_as_input(split.named(name)),)), numpy.arange(len(split.ids))) for split in splits))
    if encoded is None or min(map(len, encoded)) < COLUMNS:
        return tuple(known)
    widest = encoded[0].var(0).topk(min(WIDEST, encoded[0].shape[1])).indices
    encoded = [part[:, widest] for part in encoded]
    mean = encoded[0].mean(0)
    spread, axes = torch.linalg.eigh((encoded[0] - mean).T @ (encoded[0] - mean))
    chosen = axes[:, spread > 1e-9 * spread[-1]][:, -COLUMNS:]
    return tuple(
        (_without(split, name), Target(name, "several", values=((part - mean) @ chosen).numpy(), counted=len(part)))
        for split, part in zip(splits, encoded, strict=True)
    )


def _field(split: Split) -> str:
    """The name of what is to be told: the first target, or of two inputs without one the second."""
    inputs = [field for field in split.fields if field.role == "input" and not accompanies(field) and field.kind in KINDS]
    target = split.target()
    if target is not None:
        goes_on = any(_is_copied(field, target) or _is_of_other_rows(field, target) for field in inputs)
        return target.name if target.kind in KINDS and inputs and not goes_on else ""
    return inputs[1].name if len(inputs) == 2 else ""


def _is_copied(field: FieldData, target: FieldData) -> bool:
    """Whether the targets are the input's own tokens, as they are or one place on: a language model's go together by themselves."""
    if field.kind != "tokens" or target.kind != "tokens":
        return False
    pairs = [(one, two) for one, two in zip(field.sample[:ROWS], target.sample[:ROWS], strict=True) if one is not None and two is not None and len(one) == len(two) > 1]
    return bool(pairs) and any(
        numpy.concatenate([a == b for a, b in moved]).mean() > 0.5 for moved in (pairs, [(a[1:], b[:-1]) for a, b in pairs])
    )


def _is_of_other_rows(field: FieldData, target: FieldData) -> bool:
    """Whether the targets are what other rows have as inputs: the state or the frame that comes next goes with its neighbour by itself."""
    if not all(isinstance(part.sample, numpy.ndarray) and len(part.sample) for part in (field, target)):
        return False  # rows of different sizes, such as boxes, come as a list
    if field.kind == "tokens" or field.sample.shape[1:] != target.sample.shape[1:]:
        return False
    known = {numpy.asarray(row).tobytes() for row in field.sample}
    return sum(numpy.asarray(row).tobytes() in known for row in target.sample) > OTHERS * len(target.sample)


def _as_input(field: FieldData) -> FieldData:
    """The field as one of those that `vectors` takes."""
    if field.kind in ("mask", "boxes"):
        shapes = {numpy.shape(entry) for entry in field.sample}
        if len(shapes) == 1 and len(shape := next(iter(shapes))) >= 2 and min(shape) > 0:
            cells = numpy.stack([_cells(numpy.asarray(entry, float)) for entry in field.sample])
            return replace(field, role="input", kind="series", sample=cells[:, :, None])
    return replace(field, role="input")


def _cells(mask: numpy.ndarray) -> numpy.ndarray:
    """The means of the cells of a grid, (36,) of the last two axes."""
    flat = mask.reshape(-1, *mask.shape[-2:]).mean(0)
    rows = [part for part in numpy.array_split(flat, min(SIDE, len(flat))) if len(part)]
    return numpy.array([cell.mean() for row in rows for cell in numpy.array_split(row, min(SIDE, flat.shape[1]), axis=1)])


def _without(split: Split, name: str) -> Split:
    """The split whose inputs are all others."""
    return replace(split, fields=tuple(replace(field, role="target") if field.name == name else field for field in split.fields))
