"""What there is to say about the make of the samples, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy

from nbdebug.data.between.vectors import unpadded
from nbdebug.data.gathering.images import ImageFacts
from nbdebug.data.gathering.sequences import SequenceFacts
from nbdebug.data.gathering.series import SeriesFacts
from nbdebug.data.sources.folder import ImageFolder
from nbdebug.data.split import FieldData, Split

BINS = 24
LISTED = 12  # sizes, tokens
LENGTHS = 4  # different ones, from which on there is an order


@dataclass(frozen=True)
class ImageLook:
    """The images of one field."""

    split: str
    field: str
    images: int
    layout: str
    dtypes: tuple[tuple[str, int], ...]
    channels: tuple[tuple[int, int], ...]  # channels, images
    ranges: tuple[tuple[str, int], ...]
    sizes: tuple[tuple[int, int, int], ...]  # width, height, images: the most frequent
    different_sizes: int
    constant: int
    nan_pixels: int
    modes: tuple[tuple[str, int], ...]  # of the files of a folder: "RGB", "P" …
    turned: int  # files whose EXIF data says that they lie on their side
    left_out: tuple[tuple[str, int], ...]  # what else lies in the folder


@dataclass(frozen=True)
class LengthLook:
    """Sequences, texts or series of one field."""

    split: str
    field: str
    unit: str  # "tokens", "words", "steps"
    samples: int
    shortest: int
    median: float
    longest: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    empty: int
    padding: int | None
    side: str
    padding_share: float  # of all positions
    hidden_share: float | None  # of the padded positions that a mask hides; None without a mask
    lowest: int | None
    highest: int | None
    distinct: int | None  # different tokens, at most 1,000 are told apart
    common: tuple[tuple[int, float], ...]  # token, share
    in_order: float = 0.0  # rank correlation of length and place of delivery, -1..1


def image_look(split: Split, field: FieldData) -> ImageLook:
    """Of an image field."""
    facts: ImageFacts = field.facts
    sizes = sorted(facts.sizes.items(), key=lambda pair: -pair[1])
    folder = split.dataset if isinstance(split.dataset, ImageFolder) else None
    return ImageLook(
        split.name, field.name, sum(facts.sizes.values()), facts.layout, _counts(facts.dtypes), tuple(sorted(facts.channels.items())),
        _counts(facts.ranges), tuple((width, height, count) for (height, width), count in sizes[:LISTED]), len(sizes),
        sum(count for count, _ in facts.constant.values()), facts.nan_pixels,
        tuple(folder.modes.items()) if folder else (), len(folder.turned) if folder else 0,
        tuple((word, count) for word, count in folder.left_out.items() if count) if folder else (),
    )  # fmt: skip


def sequence_look(split: Split, field: FieldData) -> LengthLook:
    """Of a field of tokens."""
    facts: SequenceFacts = field.facts
    words = tuple((token, count / max(1, facts.tokens - facts.padded)) for token, count in facts.counts.items() if token != facts.padding)
    look = _lengths(split, field, "tokens", facts.lengths)
    return replace(
        look, empty=facts.empty[0], padding=facts.padding, side=facts.side, padding_share=facts.padded / max(1, facts.tokens),
        hidden_share=_hidden(split, field, facts), lowest=facts.lowest, highest=facts.highest, distinct=len(facts.counts), common=words[:LISTED], in_order=_in_order([len(unpadded(field, entry)) for entry in field.sample]),
    )  # fmt: skip


def series_look(split: Split, field: FieldData) -> LengthLook:
    """Of a field of series or recordings."""
    facts: SeriesFacts = field.facts
    return replace(_lengths(split, field, "steps", facts.lengths), empty=facts.silent[0])


def text_look(split: Split, field: FieldData) -> LengthLook:
    """Of the sampled texts."""
    words: dict[int, int] = {}
    for text in field.sample:
        length = len(text.split()) if isinstance(text, str) else 0
        words[length] = words.get(length, 0) + 1
    return replace(_lengths(split, field, "words", words), empty=words.get(0, 0))


def _lengths(split: Split, field: FieldData, unit: str, lengths: dict[int, int]) -> LengthLook:
    values, times = numpy.array(sorted(lengths), dtype=numpy.int64), numpy.array([lengths[n] for n in sorted(lengths)], dtype=numpy.int64)
    if not len(values):
        values, times = numpy.zeros(1, numpy.int64), numpy.zeros(1, numpy.int64)
    middle = values[numpy.searchsorted(times.cumsum(), times.sum() / 2)]
    low, high = int(values[0]), int(values[-1])
    width = max(1, -(-(high - low + 1) // BINS))
    edges = numpy.arange(low, high + width + 1, width) - 0.5
    counts = numpy.histogram(values, edges, weights=times)[0]
    return LengthLook(
        split.name, field.name, unit, int(times.sum()), low, float(middle), high, tuple(edges.tolist()), tuple(int(c) for c in counts),
        0, None, "", 0.0, None, None, None, None, (),
    )  # fmt: skip


def _in_order(lengths: list[int]) -> float:
    """Rank correlation of the lengths, as far as they are not the same, with the order they come in; 0.0 where few differ."""
    if len(set(lengths)) < LENGTHS:
        return 0.0
    values = numpy.asarray(lengths, numpy.float64)
    _, place, counts = numpy.unique(values, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - counts / 2)[place]
    return float(numpy.corrcoef(ranks, numpy.arange(len(ranks)))[0, 1])


def _hidden(split: Split, field: FieldData, facts: SequenceFacts) -> float | None:
    """How much of the padding of the sampled sequences an attention mask hides."""
    mask = next((f for f in split.fields if f.name.endswith(("attention_mask", "attention_mask']")) and f.role == "input"), None)
    if mask is None or facts.padding is None or len(mask.sample) != len(field.sample):
        return None
    padded = hidden = 0
    for tokens, seen in zip(field.sample, mask.sample, strict=True):
        if tokens is None or seen is None or numpy.shape(seen) != tokens.shape:
            continue
        at = tokens[::-1] == facts.padding if facts.side == "right" else tokens == facts.padding
        run = numpy.logical_and.accumulate(at)
        at = run[::-1] if facts.side == "right" else run
        padded += int(at.sum())
        hidden += int((numpy.asarray(seen)[at] == 0).sum())
    return hidden / padded if padded else None


def _counts(tally: dict[str, tuple[int, tuple[int, ...]]]) -> tuple[tuple[str, int], ...]:
    return tuple((word, count) for word, (count, _) in tally.items())
