"""What is kept of the samples, in plain values, and how a report shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy

from nbdebug.data.samples.pictures import value_range
from nbdebug.data.split import FieldData, Split
from nbdebug.page import Collection, Exhibit, Gallery, Panel, Table
from nbdebug.render.exhibits import is_drawn
from nbdebug.render.scales import evenly

ON_THE_PAGE, LINES_ON_THE_PAGE = 16, 4  # of a gallery that stands in the report: of pictures and curves, of words and rows
HEADS, MOST_HELD = ("", "as", "kind", "dtype", "shape", "values"), 12  # rows of the table of fields


@dataclass(frozen=True)
class Held:
    """One field of a sample."""

    name: str
    role: str
    kind: str
    dtype: str
    shape: str  # "(3, 32, 32)", "40 different shapes", "one value"
    values: str  # from lowest to highest, or how many different ones


@dataclass(frozen=True)
class SampleLook:
    """A gallery of what was read: some of every class, and all that a finding names."""

    collection: Collection
    note: str = ""  # how it was drawn
    sources: dict[str, str] = field(default_factory=dict)  # split → a sentence: what it is and how much of it was read
    held: tuple[Held, ...] = ()  # what a sample of the first split holds

    def panels(self) -> tuple[Panel, ...]:
        """What a sample holds; samples of every class; then those that are flagged."""
        plain = [s.exhibit for s in self.collection.samples if not s.reasons]
        flagged = [s.exhibit for s in self.collection.samples if s.reasons]
        rows = tuple((held.name, held.role, held.kind, held.dtype, held.shape, held.values) for held in self.held[:MOST_HELD])
        left_out = len(self.held) - len(rows)
        return (
            *_gallery("samples", plain if self.collection.groups else _spread(plain), self.note),
            *_gallery("samples that one should see", flagged, "under each is why"),
            *((Table("what a sample holds", HEADS, rows, f"{left_out:,} more fields" if left_out > 0 else ""),) if rows else ()),
        )


def _spread(shown: list[Exhibit]) -> list[Exhibit]:
    """Those of the page from all of them, and not only the first; the others after them."""
    chosen = set(evenly(len(shown), ON_THE_PAGE))
    return [shown[i] for i in sorted(range(len(shown)), key=lambda i: (i not in chosen, i))]


def _gallery(title: str, shown: list[Exhibit], caption: str) -> tuple[Panel, ...]:
    most = ON_THE_PAGE if shown and is_drawn(shown[0]) else LINES_ON_THE_PAGE
    more = f"all {len(shown):,} in report.widget()" if len(shown) > most else ""
    return (Gallery(title, tuple(shown[:most]), "; ".join(filter(None, [caption, more]))),) if shown else ()


def source(split: Split) -> str:
    """What was read of it, in a sentence or two."""
    of_all = f"the first {split.samples:,}" + (f" of {split.total:,}" if split.total else "")
    read = f"all {split.samples:,} samples were read" if split.whole else f"{of_all} samples were read"
    kept = f" {len(split.ids):,} of them, drawn evenly, stand for all in quantiles and comparisons." if len(split.ids) < split.samples else ""
    return f"{split.name} ({split.about}): {read}, in {split.batches:,} batch{'es' * (split.batches != 1)}.{kept}"


def held(split: Split) -> tuple[Held, ...]:
    """What a sample consists of."""
    return tuple(Held(f.name, f.role, f.kind, f.dtype, _shape(f), _values(f)) for f in split.fields)


def _shape(field: FieldData) -> str:
    if len(field.shapes) > 1:
        return f"{len(field.shapes):,} different shapes"
    shape = next(iter(field.shapes), ())
    return str(tuple(shape)) if shape else "one value"


def _values(field: FieldData) -> str:
    if hasattr(field.facts, "counts") and hasattr(field.facts, "names"):
        return f"{len(field.facts.counts):,} different"
    if field.columns is None:
        return ""
    low, high = extent(field)
    return f"{low:.4g} to {high:.4g}"


def extent(field: FieldData) -> tuple[float, float]:
    """The lowest and the highest value of all that was read; 0 and 1 where there is none."""
    of = field.columns
    if of is None or not numpy.isfinite(of.low).any():
        return 0.0, 1.0
    return float(numpy.nanmin(of.low)), float(numpy.nanmax(of.high))


def note_of(show: FieldData) -> str:
    """How its pictures are drawn."""
    if show.kind != "image":
        return ""
    low, high = value_range(*extent(show))
    return f"{show.name}: {low:.4g} is drawn black, {high:.4g} white"
