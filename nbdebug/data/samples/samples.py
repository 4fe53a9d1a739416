"""A gallery of what was read: some of every class, and all that a finding names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy

from nbdebug.data.context import Context, Flag, both
from nbdebug.data.samples import exhibits
from nbdebug.data.samples.choosing import MOST, Chosen, chosen
from nbdebug.data.samples.columns import columns
from nbdebug.data.samples.fetching import Fetcher, file_of, label, part
from nbdebug.data.samples.labels import class_field, class_name, names_of, sort_key
from nbdebug.data.samples.look import SampleLook, extent, held, note_of, source
from nbdebug.data.samples.overlays import boxes_on, mask_of, reading_of, sheet
from nbdebug.data.samples.pictures import channels_last, crossed_out, picture, shrunk, value_range
from nbdebug.data.split import FieldData, Split
from nbdebug.page import Collection, Exhibit, Sample

BRIEFLY = 8  # samples in a checkup
MOST_BYTES = 500_000  # of pictures, as text
SIDES = (80, 56, 40, 28)  # pixels; the first with which all pictures fit
TRIED = 10  # samples
MOST_CLASSES = 1000  # that one can choose from
FETCH_SHARE = 0.25  # of the time that is left
ROWS = ("tabular", "quantity", "category", "time")  # kinds that make up the row of a table


def samples(train: Split, val: Split | None, context: Context, flags: tuple[Flag, ...]) -> SampleLook:
    """A gallery of what was read: some of every class, and all that a finding names."""
    splits = both(train, val) if context.whole else (train,)
    show = train.input() or next((field for field in train.fields if field.role == "input"), None)
    if show is None:
        return SampleLook(Collection(), "", {split.name: source(split) for split in both(train, val)}, held(train))
    fetcher = Fetcher(FETCH_SHARE * context.left if context.whole else 0.0)
    wanted = chosen(splits, flags, MOST if context.whole else BRIEFLY)[: MOST if context.whole else BRIEFLY]
    readings = {split.name: reading_of(split) if context.whole else "" for split in splits}
    makers = _makers(show, wanted, fetcher, readings)
    found = tuple(_fitting(makers))
    sources = {split.name: source(split) for split in both(train, val)}
    groups = {split.name: _groups(split) for split in splits} if context.whole else {}
    looks = columns(splits) if context.whole else {}
    return SampleLook(Collection(found, {name: held for name, held in groups.items() if held}, looks), note_of(show), sources, held(train))


def _makers(show: FieldData, wanted: list[Chosen], fetcher: Fetcher, readings: dict[str, str]) -> list[Callable[[int], Sample]]:
    """For each sample that can be shown, what makes it at a size."""
    makers = []
    for one in wanted:
        field = one.split.named(show.name)
        reading = readings[one.split.name]
        item = fetcher.item(one.split, one.id) if show.kind not in ROWS or one.place is None or reading else None
        maker = _maker(one, field, item, reading) if field is not None else None
        if maker is not None:
            makers.append(maker)
    return makers


def _maker(one: Chosen, field: FieldData, item: Any, reading: str) -> Callable[[int], Sample] | None:
    group = _group(one, item)
    name = _target(one) or group
    called = file_of(one) or one.split.name_of(one.id).removeprefix("dataset ")
    note = ": ".join(filter(None, [called, ", ".join(one.reasons)]))

    def sample(exhibit: Exhibit) -> Sample:
        return Sample(one.split.name, one.id, group, one.reasons, exhibit)

    boxes = boxes_on(one, item, reading)
    if field.kind in ROWS:
        if boxes is not None and (paper := sheet(item)) is not None:  # annotations without their images
            on_it = boxes * (paper.shape[0] / float(item["size"][0]) if boxes.max() > 1 else 1)
            return lambda side: sample(picture(name, paper, 0, 1, note=note, side=side, boxes=on_it))
        pairs = _row(one, item)
        return (lambda side: sample(exhibits.row(name, *pairs, note=note))) if pairs is not None else None
    if field.kind == "image" and one.id in getattr(field.facts, "broken", {}).get("no image", (0, ()))[1]:
        return lambda side: sample(crossed_out(name, note=f"{called}: cannot be decoded", side=side))
    value = part(item, field) if item is not None else None
    value = value if value is not None else _sampled(field, one.place)
    if value is None:
        return None
    pixels = _pixels(field, value)
    if pixels is None:
        return lambda side: sample(_in_words(field, name, value, note))
    small, mask = shrunk(pixels, SIDES[0]), mask_of(one, item)
    low, high = value_range(*(extent(field) if field.columns is not None else _ends(pixels)))
    boxes = boxes * (small.shape[0] / pixels.shape[0]) if boxes is not None and boxes.max() > 1 else boxes
    return lambda side: sample(picture(name, small, low, high, note=note, side=side, mask=mask, boxes=boxes))


def _pixels(field: FieldData, value: Any) -> numpy.ndarray | None:
    """(H, W, C) of an image, or of the middle slice of a volume; None for what is neither."""
    values = exhibits.array(value) if field.kind in ("image", "other") else None
    if values is None or (field.kind == "other" and values.ndim != 4):
        return None
    return channels_last(values if values.ndim < 4 else values[:, values.shape[1] // 2])


def _ends(pixels: numpy.ndarray) -> tuple[float, float]:
    finite = pixels[numpy.isfinite(pixels)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _in_words(field: FieldData, name: str, value: Any, note: str) -> Exhibit:
    values = exhibits.array(value)
    if field.kind == "tokens" and values is not None:
        return exhibits.tokens(name, values, getattr(field.facts, "padding", None), note)
    if field.kind in ("series", "audio") and values is not None and values.size > 1:
        return exhibits.trace(name, values, note)
    return exhibits.words(name, value, note)


def _fitting(makers: list[Callable[[int], Sample]]) -> Iterator[Sample]:
    """The samples at the largest size at which all of them fit, by the look of some; else as many as fit at the smallest."""
    some = makers[:: -(-len(makers) // TRIED) or 1]
    tried = ((side, sum(_bytes(make(side)) for make in some) / max(len(some), 1)) for side in SIDES)
    side = next((side for side, each in tried if each * len(makers) <= MOST_BYTES), SIDES[-1])
    total = 0
    for make in makers:
        sample = make(side)
        total += _bytes(sample)
        if total > 1.1 * MOST_BYTES:
            return
        yield sample


def _bytes(sample: Sample) -> int:
    exhibit = sample.exhibit
    texts = [getattr(exhibit, name, "") for name in ("png", "text", "before", "after", "note")]
    lines = [value for line in getattr(exhibit, "series", {}).values() for value in line]
    cells = [text for pair in getattr(exhibit, "values", {}).items() for text in map(str, pair)]
    return 120 + sum(map(len, texts)) + 9 * len(lines) + sum(6 + len(text) for text in cells)


def _sampled(field: FieldData, place: int | None) -> Any:
    return None if place is None or place >= len(field.sample) else field.sample[place]


def _row(one: Chosen, item: Any) -> tuple[list[str], list[Any]] | None:
    """Names and values of all columns, targets left out: those are the label."""
    if one.place is None:
        targets = [held.name for held in one.split.fields if held.role == "target"]
        told = {str(name): value for name, value in item.items() if name not in targets} if isinstance(item, Mapping) else {}
        return (list(told), list(told.values())) if told else None
    names: list[str] = []
    values: list[Any] = []
    for field in one.split.fields:
        if field.role == "target" or field.kind not in (*ROWS, "text"):
            continue
        found = _sampled(field, one.place)
        if field.kind == "category" and hasattr(field.facts, "names"):
            found = field.facts.names[int(found)] if found is not None and int(found) >= 0 else None
        several = isinstance(found, numpy.ndarray) and found.ndim
        values += found.reshape(-1).tolist() if several else [found]
        names += list(field.axis_names) if several and len(field.axis_names) == found.size else [f"{field.name}[{i}]" for i in range(found.size)] if several else [field.name]
    return names, values


def _group(one: Chosen, item: Any) -> str:
    """The class of a sample; "" where it has none."""
    field = class_field(one.split)
    if field is None:
        return ""
    names = names_of(one.split.dataset)
    code = _sampled(field, one.place)
    if code is not None and int(code) >= 0:
        return class_name(field.facts.names[int(code)], names)
    value = (item[field.name] if isinstance(item, Mapping) and field.name in item else label(item)) if item is not None else None
    return class_name(value, names) if value is not None and value in field.facts.counts else ""


def _target(one: Chosen) -> str:
    """A quantity that is to be predicted, in words; "" where that is something else."""
    field = one.split.target()
    if field is None or field.kind != "quantity":
        return ""
    value = numpy.asarray(_sampled(field, one.place) if one.place is not None else numpy.nan, dtype=numpy.float64).reshape(-1)
    return f"{value[0]:.4g}" if len(value) == 1 and numpy.isfinite(value[0]) else ""


def _groups(split: Split) -> dict[str, int]:
    """Class → how many samples have it, in the order of the classes."""
    field = class_field(split)
    if field is None:
        return {}
    names = names_of(split.dataset)
    counts = sorted(field.facts.counts.items(), key=lambda pair: sort_key(pair[0]))
    return {class_name(value, names): int(count) for value, count in islice(counts, MOST_CLASSES)}
