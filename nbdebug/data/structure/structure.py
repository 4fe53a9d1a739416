"""Are the samples of one make: sizes, layouts, lengths, vocabulary, annotations, empty and broken ones?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.chunk import chunk_of
from nbdebug.data.context import Context, Flag, both
from nbdebug.data.gathering.images import ImageFacts
from nbdebug.data.gathering.sequences import SequenceFacts
from nbdebug.data.gathering.series import SeriesFacts
from nbdebug.data.sources.coco import Coco
from nbdebug.data.split import FieldData, Split
from nbdebug.data.structure.around import WentAround, went_around
from nbdebug.data.structure.boxes import BoxLook, boxes_of, odd_boxes
from nbdebug.data.structure.channels import RowsAsChannels, rows_as_channels
from nbdebug.data.structure.computed import ComputedWrap, computed_wraps
from nbdebug.data.structure.first_step import first_step
from nbdebug.data.structure.look import (
    ImageLook,
    LengthLook,
    image_look,
    sequence_look,
    series_look,
    text_look,
)
from nbdebug.data.structure.lost import LostSignal, lost_signal
from nbdebug.data.structure.makes import odd_batches
from nbdebug.data.structure.mirrored import Mirrored, mirrored
from nbdebug.data.structure.odd import Odd, odd
from nbdebug.data.structure.padding import ScoredPadding, counts_places, scored_padding
from nbdebug.data.structure.panels import box_panels, image_panels, length_panels
from nbdebug.data.structure.pictures import odd_images
from nbdebug.data.structure.relaid import Recut, Relaid, recut, relaid
from nbdebug.data.structure.sequences import odd_sequences, odd_series, odd_texts
from nbdebug.data.structure.tables import Table, tables
from nbdebug.loading import Delivered
from nbdebug.page import Panel


@dataclass(frozen=True)
class StructureLook:
    """The make of the samples, and those that are not what the others are."""

    images: tuple[ImageLook, ...] = ()
    lengths: tuple[LengthLook, ...] = ()
    boxes: tuple[BoxLook, ...] = ()
    odd: tuple[Odd, ...] = ()  # of images, sequences, texts, series
    odd_boxes: tuple[Odd, ...] = ()  # of boxes and annotations
    tables: tuple[Table, ...] = ()  # embeddings and the fields they get
    rows_as_channels: tuple[RowsAsChannels, ...] = ()
    padding: tuple[ScoredPadding, ...] = ()
    lost: tuple[LostSignal, ...] = ()  # what the stored rows tell of the targets, and the samples do not
    mirrored: Mirrored | None = None  # images whose targets did not turn with them
    around: tuple[WentAround, ...] = ()  # signals whose integers wrapped round before the loader
    computed: tuple[ComputedWrap, ...] = ()  # arithmetic of the text that wrapped round
    relaid: tuple[Relaid, ...] = ()  # images that a reshape cut anew
    recut: Recut | None = None  # the same, by an array that is still held
    modelled: bool = False  # there was a model to ask
    step_error: str = ""  # why its loss could not be computed

    def panels(self) -> tuple[Panel, ...]:
        """Images, lengths, vocabulary, boxes."""
        return (*image_panels(self.images), *length_panels(self.lengths), *box_panels(self.boxes))

    def flagged(self) -> tuple[Flag, ...]:
        """Samples that somebody should see."""
        return tuple(Flag(odd.split, odd.ids, odd.kind) for odd in (*self.odd, *self.odd_boxes) if odd.ids)


def structure(train: Split, val: Split | None, context: Context) -> StructureLook:
    """Are the samples of one make: sizes, layouts, lengths, vocabulary, annotations, empty and broken ones?"""
    splits = both(train, val)
    fields = [(split, field) for split in splits for field in split.fields]
    boxes = [found for split in splits for found in _boxes(split)]
    asked, signals = _asked(train, splits, context), list(_signals(train, context))
    return StructureLook(
        images=tuple(image_look(split, field) for split, field in fields if isinstance(field.facts, ImageFacts)),
        lengths=tuple(length for split, field in fields for length in _lengths(split, field)),
        boxes=tuple(look for look, _ in boxes),
        odd=(
            *(one for split in splits for one in odd_batches(split)),
            *(one for split, field in fields if field.role == "input" for one in _odd(split, field)),
        ),
        odd_boxes=tuple(one for _, odds in boxes for one in odds),
        mirrored=mirrored(train, val),
        lost=tuple(filter(None, (lost_signal(split) for split in splits[:1]))),
        around=tuple(filter(None, (went_around(train, field, values) for field, values in signals))),
        recut=recut(train),
        computed=computed_wraps(context.loaders) if context.loaders else (),
        relaid=tuple(filter(None, (relaid(train.name, field, values) for field, values in signals))),
        **asked,
    )


def _signals(train: Split, context: Context) -> Iterator[tuple[FieldData, numpy.ndarray]]:
    """The inputs of the first batch that are arrays of numbers, as delivered."""
    if train.first is None:
        return
    model = context.setup.model if context.setup is not None else None
    for part in chunk_of(Delivered(0, train.first, None), 0, model, train.scored).fields:
        field = train.named(part.name)
        if field is not None and field.role == "input" and isinstance(part.values, numpy.ndarray):
            yield field, part.values


def _odd(split: Split, field: FieldData) -> Iterator[Odd]:
    if isinstance(field.facts, ImageFacts):
        yield from odd_images(split, field)
    elif isinstance(field.facts, SequenceFacts):
        yield from odd_sequences(split, field)
    elif isinstance(field.facts, SeriesFacts):
        yield from odd_series(split, field)
    elif field.kind == "text":
        yield from odd_texts(split, field)


def _lengths(split: Split, field: FieldData) -> Iterator[LengthLook]:
    if isinstance(field.facts, SequenceFacts):
        yield sequence_look(split, field)
    elif isinstance(field.facts, SeriesFacts):
        yield series_look(split, field)
    elif field.kind == "text":
        yield text_look(split, field)


def _boxes(split: Split) -> Iterator[tuple[BoxLook, list[Odd]]]:
    field, given = boxes_of(split)
    if field is None or given is None:
        return
    look, found = odd_boxes(split, field, given)
    if isinstance(split.dataset, Coco):
        for trouble in split.dataset.troubles:
            total = len(split.dataset) if trouble.of == "images" else len(split.dataset.boxes)
            what = f"{trouble.count:,} {trouble.of} {trouble.what}: {', '.join(trouble.examples)}" + (" …" if trouble.count > len(trouble.examples) else "")
            found.append(odd("annotations" if trouble.wrong else "annotations that say less", split, field, what, trouble.count, total, ()))
    yield look, found


def _has_lengths(train: Split, context: Context) -> bool:
    """Whether a field says how many places of another are filled."""
    if train.first is None:
        return False
    parts = chunk_of(Delivered(0, train.first, None), 0, context.setup.model, train.scored).fields
    arrays = [part.values for part in parts if isinstance(part.values, numpy.ndarray) and len(part.values) > 1]
    whole, rows = [a for a in arrays if a.ndim == 1 and a.dtype.kind in "iu"], [a for a in arrays if a.ndim >= 2]
    return any(len(one) == len(other) and counts_places(one, other) for one in whole for other in rows)


def _asked(train: Split, splits: tuple[Split, ...], context: Context) -> dict[str, object]:
    """What only the model can answer; it is asked where there are tokens, padding, or images that lie channels last."""
    if context.setup is None:
        return {}
    whole = any(f.dtype.startswith(("int", "uint", "bool")) and f.role == "input" for f in train.fields)
    turned = any(isinstance(f.facts, ImageFacts) and f.facts.layout == "HWC" for f in train.fields)
    sequences = any(f.role == "target" and len(shape) >= 1 and shape[0] > 1 for f in train.fields for shape in list(f.shapes)[:1]) or _has_lengths(train, context)
    if train.first is None or not (whole or turned or sequences):
        return {"modelled": True}
    if context.left <= 0:
        return {"modelled": True, "step_error": "no time was left for it"}
    step = first_step(context.setup, train)
    return {
        "modelled": True, "step_error": step.error, "tables": tables(splits, step),
        "rows_as_channels": rows_as_channels(train, step), "padding": scored_padding(train, step),
    }  # fmt: skip
