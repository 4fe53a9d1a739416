"""Layer by magnitude as a heat-map: how large the elements of many tensors are, one row a tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nbdebug.page import Heatmap
from nbdebug.render.scales import evenly
from nbdebug.tensor_stats import BIN_LABELS

MOST_ROWS = 64  # of a heat-map; more are thinned evenly, and the caption says so


def magnitude_map(
    title: str,
    names: Sequence[str],
    shares: Sequence[Sequence[float]],  # (rows, columns)
    *,
    each: str,
    columns: tuple[str, ...] = ("0", *BIN_LABELS),
    caption: str = "",
    keep: Iterable[int] = (),
) -> Heatmap:
    """The heat-map of the shares of elements per magnitude.

    Args:
        each: what a row is, such as "layer".
        keep: rows that are shown also when others give way.
    """
    rows = chosen_rows(len(names), keep)
    thinned = f"{len(rows)} of {len(names):,} {each}s, evenly chosen; " if len(rows) < len(names) else ""
    return Heatmap(
        title,
        rows=tuple(names[i] for i in rows),
        columns=columns,
        values=tuple(tuple(shares[i]) for i in rows),
        x_label="magnitude",
        y_label=each,
        unit="share of elements",
        caption=thinned + caption,
    )


def chosen_rows(length: int, keep: Iterable[int] = (), most: int = MOST_ROWS) -> list[int]:
    """At most `most` row numbers: half of them at most are those to keep, the rest is evenly spread with both ends."""
    if length <= most:
        return list(range(length))
    kept = sorted(set(keep))[: most // 2]
    return sorted({*kept, *evenly(length, most - len(kept))})
