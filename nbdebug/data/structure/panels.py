"""The make of the samples as panels: images, lengths, vocabulary, boxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nbdebug.data.structure.boxes import BoxLook
from nbdebug.data.structure.look import ImageLook, LengthLook
from nbdebug.page import Histogram, Panel, Table

LISTED = 20  # categories


def image_panels(looks: Iterable[ImageLook]) -> Iterator[Panel]:
    """A line for every field, and the sizes where they differ."""
    looks = tuple(looks)
    if not looks:
        return
    heads = ("", "images", "layout", "dtype", "channels", "values", "size", "of one value")
    rows = tuple(
        (
            f"{look.split} {look.field}", look.images, look.layout, _words(look.dtypes), _words(look.channels), _words(look.ranges),
            f"{look.sizes[0][0]} x {look.sizes[0][1]}" if look.different_sizes == 1 else f"{look.different_sizes:,} sizes", look.constant,
        )
        for look in looks
    )  # fmt: skip
    yield Table("images", heads, rows, " ".join(_said(look) for look in looks).strip())
    for look in looks:
        if look.different_sizes > 1:
            sizes = tuple((f"{width} x {height}", round(width / max(height, 1), 2), count) for width, height, count in look.sizes)
            caption = f"the {len(sizes)} most frequent of {look.different_sizes:,}" if look.different_sizes > len(sizes) else ""
            yield Table(f"image sizes, {look.split} {look.field}", ("width x height", "aspect", "images"), sizes, caption)


def length_panels(looks: Iterable[LengthLook]) -> Iterator[Panel]:
    """Lengths of every field whose samples differ in it, and the vocabulary of tokens."""
    for look in looks:
        name = f"{look.split} {look.field}"
        if look.shortest < look.longest:
            caption = f"{look.shortest:,} to {look.longest:,}, half of them up to {look.median:,.0f}"
            if look.padding is not None:
                caption += f"; {look.padding_share:.0%} of all positions are padding ({look.padding}, on the {look.side})"
            if look.hidden_share is not None:
                caption += f", of which the attention mask hides {look.hidden_share:.0%}"
            yield Histogram(f"lengths of {name}", look.edges, {look.split: look.counts}, look.unit, caption=caption)
        if look.common:
            rows = tuple((token, round(100 * share, 2)) for token, share in look.common)
            caption = f"{look.distinct:,} different tokens, {look.lowest} to {look.highest}" + ("; padding is left out" if look.padding is not None else "")
            yield Table(f"tokens of {name}", ("token", "%"), rows, caption)


def box_panels(looks: Iterable[BoxLook]) -> Iterator[Panel]:
    """Sizes, shapes and categories."""
    for look in looks:
        name = f"{look.split} {look.field}"
        per_image = look.boxes / max(1, look.images)
        rows = (
            ("images", look.images), ("images without a box", look.without), ("boxes", look.boxes), ("boxes an image", round(per_image, 2)),
            ("crowds", look.crowds), ("written as", look.reading or "unknown"), ("categories without a box", look.unused),
            ("category numbers left out", look.gaps or "none"),
        )  # fmt: skip
        yield Table(f"boxes, {name}", ("", ""), rows)
        if sum(look.side_counts):
            yield Histogram(f"size of the boxes, {name}", look.sides, {look.split: look.side_counts}, "longer side, share of the image")
        if sum(look.aspect_counts):
            yield Histogram(f"shape of the boxes, {name}", look.aspects, {look.split: look.aspect_counts}, "width / height", log_x=True)
        if look.categories:
            shown = look.categories[:LISTED]
            caption = f"the {len(shown)} most frequent of {len(look.categories)}" if len(shown) < len(look.categories) else ""
            yield Table(f"categories, {name}", ("category", "boxes"), shown, caption)


def _words(pairs: tuple[tuple[object, int], ...]) -> str:
    if len(pairs) == 1:
        return str(pairs[0][0])
    return ", ".join(f"{word} ({count:,})" for word, count in pairs)


def _said(look: ImageLook) -> str:
    parts = []
    if look.nan_pixels:
        parts.append(f"{look.nan_pixels:,} pixels are NaN")
    if look.modes:
        parts.append(f"files are stored as {_words(look.modes)}")
    if look.turned:
        parts.append(f"{look.turned:,} are to be turned by their EXIF data")
    if look.left_out:
        parts.append("left out: " + ", ".join(f"{count:,} {word}" for word, count in look.left_out))
    return f"{look.split}: {'; '.join(parts)}." if parts else ""
