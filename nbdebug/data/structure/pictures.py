"""Images that are not what the other images are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nbdebug.data.gathering.images import ImageFacts, Tally
from nbdebug.data.sources.folder import ImageFolder
from nbdebug.data.split import FieldData, Split
from nbdebug.data.structure.odd import Odd, odd, targets_of

BETWEEN = 0.001  # of the images, at most, lie between two ranges that are told apart: what varies by itself leaves no gap
AXES = {"CHW": "channels first", "HWC": "channels last", "HW": "no channel axis"}
COLOURS = {"1": "have 1 channel (grey)", "3": "have 3 channels", "4": "have 4 channels (with alpha)"}
SMALL = ("0..1", "-1..1", "standardised")


def odd_images(split: Split, field: FieldData) -> Iterator[Odd]:
    """Other layout, channels or value range, one value throughout, files that cannot be decoded."""
    facts: ImageFacts = field.facts
    total = sum(facts.channels.values())
    yield from _files(split, field, facts)
    yield from _minority("layout", split, field, facts.layouts, total, lambda word: f"have {AXES[word]}")
    usual = next(iter(facts.channel_ids), "") in COLOURS
    if usual and not isinstance(split.dataset, ImageFolder):  # there it is the file that is grey, and a loader that converts is usual
        colours = {word: found for word, found in facts.channel_ids.items() if word in COLOURS}
        yield from _minority("channels", split, field, colours, total, COLOURS.get)
    yield from _ranges(split, field, facts, total)
    yield from _constant(split, field, facts, total)


def _minority(kind: str, split: Split, field: FieldData, tally: Tally, total: int, said: Callable[[str], str]) -> Iterator[Odd]:
    words = list(tally)
    for word in words[1:]:
        count, ids = tally[word]
        what = f"{count:,} of {total:,} images {said(word)}, most others {said(words[0])}"
        yield odd(kind, split, field, what, count, total, ids)


def _ranges(split: Split, field: FieldData, facts: ImageFacts, total: int) -> Iterator[Odd]:
    """Pixels in 0..255 beside pixels that were scaled, with nothing in between."""
    scaled = {word: facts.ranges[word] for word in SMALL if word in facts.ranges}
    pixels, between = facts.ranges.get("0..255", (0, ())), facts.ranges.get("other", (0, ()))[0]
    small = sum(count for count, _ in scaled.values())
    if not pixels[0] or not small or between > BETWEEN * total:
        return
    word = max(scaled, key=lambda name: scaled[name][0])
    if pixels[0] <= small:
        what, (count, ids) = f"{pixels[0]:,} of {total:,} images reach up to 255, the others are scaled ({word})", pixels
    else:
        count, ids = small, tuple(number for _, numbers in scaled.values() for number in numbers)
        what = f"{small:,} of {total:,} images are scaled ({word}), the others reach up to 255"
    yield odd("range", split, field, what, count, total, ids)


def _constant(split: Split, field: FieldData, facts: ImageFacts, total: int) -> Iterator[Odd]:
    for word, (count, ids) in facts.constant.items():
        said = {"black": "are black throughout", "white": "are white throughout"}.get(word, "hold one value throughout")
        labels = targets_of(split, ids)
        apart = f", and carry {labels} different targets" if labels and labels > 1 else ""
        yield odd("constant", split, field, f"{count:,} of {total:,} images {said}{apart}", count, total, ids, labels=labels)


def _files(split: Split, field: FieldData, facts: ImageFacts) -> Iterator[Odd]:
    count, ids = facts.broken.get("no image", (0, ()))
    total = sum(facts.channels.values()) + count
    if isinstance(split.dataset, ImageFolder) and split.dataset.broken:
        broken = split.dataset.broken
        named = "; ".join(f"{file.path} ({file.reason:.80})" for file in broken[:3])
        yield odd("files", split, field, f"{len(broken):,} of {total:,} files cannot be decoded: {named}", len(broken), total, [file.index for file in broken])
    elif count:
        yield odd("no image", split, field, f"{count:,} of {total:,} entries are no images, such as None", count, total, ids)
