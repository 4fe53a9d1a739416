"""Images that lie (H, W, C) and go into a convolution that takes their rows for channels, without an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.chunk import Field
from nbdebug.data.gathering.images import ImageFacts
from nbdebug.data.split import Split
from nbdebug.data.structure.first_step import FirstStep, same_numbers
from nbdebug.findings import Location

SMOOTH = 0.7  # step from a row to the next, in standard deviations; independent values have 1.13, and channels no order


@dataclass(frozen=True)
class RowsAsChannels:
    """A convolution that mixes the rows of an image."""

    field: str
    shape: tuple[int, ...]  # of the batch
    takes: int  # channels that the convolution expects
    location: Location


def rows_as_channels(split: Split, step: FirstStep) -> tuple[RowsAsChannels, ...]:
    """The first convolutions that get a field of the batch as it is, lying (N, H, W, C)."""
    return tuple(_found(split, step))


def _found(split: Split, step: FirstStep) -> Iterator[RowsAsChannels]:
    for call in step.tape.calls:
        if call.name != "conv2d":
            continue
        received, weight = call.argument(0, "input"), call.argument(1, "weight")
        for field in step.fields:
            if _lies_last(split, field) and tuple(received.shape) == field.values.shape and same_numbers(received.detach().cpu().numpy(), field.values):
                yield RowsAsChannels(field.name, tuple(received.shape), int(weight.shape[1]), call.location)


def _lies_last(split: Split, field: Field) -> bool:
    """Whether a field is images of 3 or 4 channels, the last of their dimensions, and smooth along both of the others."""
    known = split.named(field.name)
    if known is None or not isinstance(known.facts, ImageFacts) or known.facts.layout != "HWC" or not isinstance(field.values, numpy.ndarray):
        return False
    values = field.values.astype(numpy.float64)
    spread = values.std()
    if values.ndim != 4 or values.shape[3] not in (3, 4) or not spread > 0:
        return False
    return all(float(numpy.abs(numpy.diff(values, axis=axis)).mean()) < SMOOTH * spread for axis in (1, 2))
