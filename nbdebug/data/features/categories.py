"""Columns of categories: how many levels, how rare the rarest, and whether they only name the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug.data.split import FieldData, Split

RARE = 0.01  # of the samples
UNIQUE = 0.95  # different levels a sample, from where on they name the samples


@dataclass(frozen=True)
class CategoryLook:
    """One column, over all that was read as far as its levels could be counted."""

    field: str
    role: str
    count: int
    missing: int
    levels: int
    top: tuple[tuple[str, int], ...]  # the most frequent ones
    rare: int  # levels with less than 1 % of the samples
    names_samples: bool  # nearly every sample has its own

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is remarkable, in words."""
        return tuple(self._remarks())

    def _remarks(self) -> Iterator[str]:
        if self.missing:
            yield f"{self.missing / max(self.count, 1):.1%} missing"
        if self.names_samples:
            yield "names the samples"
        elif self.levels == 1:
            yield "constant"
        elif self.rare:
            yield f"{self.rare:,} rare"


def categories(split: Split) -> tuple[CategoryLook, ...]:
    """The inputs that are categories, in the order of the data."""
    found = (_look(field) for field in split.fields if field.kind == "category" and field.role == "input")
    return tuple(look for look in found if look is not None)


def _look(field: FieldData) -> CategoryLook | None:
    counts = getattr(field.facts, "counts", None)
    if not isinstance(counts, dict):
        return None
    missing = int(getattr(field.facts, "missing", 0))
    known = sum(counts.values())
    rare = sum(n < RARE * known for n in counts.values())
    top = tuple((str(label)[:40], int(n)) for label, n in sorted(counts.items(), key=lambda item: -item[1])[:3])
    levels = int(getattr(field.facts, "distinct", 0)) or len(counts)
    unique = levels >= UNIQUE * known and known >= 20
    return CategoryLook(field.name, field.role, known + missing, missing, levels, top, int(rare), unique)
