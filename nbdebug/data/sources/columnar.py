"""Data sets that give some of their rows as columns by name, as those of Hugging Face do; known by what they can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbdebug.data.sources.wanted import demand_known

ROWS = 1024  # of a batch


class Columnar:
    """Batches of rows, by the names of the columns; formats and transforms of the data set apply."""

    numbered = True

    def __init__(self, data: Any, targets: tuple[str, ...]) -> None:
        self.data, self.rows = data, len(data)
        names = list(data.column_names)
        demand_known(targets, names, "column")
        self.about = f"{type(data).__name__} of {self.rows:,} rows: {', '.join(map(str, names[:8]))}{'…' if len(names) > 8 else ''}"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for start in range(0, self.rows, ROWS):
            yield self.data[start : min(start + ROWS, self.rows)]

    def fetch(self, index: int) -> Any:
        """One sample."""
        return self.data[index]


def is_columnar(data: Any) -> bool:
    """Whether rows can be had by number, and the columns have names."""
    plain = not isinstance(data, type) and hasattr(data, "column_names") and hasattr(data, "__getitem__") and hasattr(data, "__len__")
    return plain and not isinstance(data.column_names, dict) and not hasattr(data, "to_batches")
