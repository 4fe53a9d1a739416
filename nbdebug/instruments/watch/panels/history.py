"""One tensor over the steps, and all tensors at one step."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from nbdebug.instruments.watch.numbers.magnitudes import LABELS
from nbdebug.instruments.watch.result import TensorTrack, WatchResult
from nbdebug.page import Curve, Heatmap, Histogram, Panel
from nbdebug.render.numbers import plural
from nbdebug.tensor_stats import HIGHEST, LOWEST

COLUMNS = (*LABELS, "+Inf", "−Inf", "NaN")
LAST_FINITE = len(LABELS)
MOST_STEPS = 40  # columns of a history; more are drawn together
MOST_RIDGES = 100


def history_of(result: WatchResult, what: str, name: str) -> tuple[Panel, ...]:
    """What one tensor did: its magnitudes step by step, and how large it was.

    Args:
        what: "activation", "activation gradient", "weight", "gradient" or "update".
    """
    track = next((t for t in result.tensors_of(what) if t.name == name), None)
    return () if track is None or not track.steps else (magnitudes_by_step(track), _sizes_by_step(track))


def ridge_of(result: WatchResult, what: str, step: int) -> Histogram:
    """The magnitudes of every tensor of a kind at one step, one below the other, in forward order."""
    tracks = [t for t in result.tensors_of(what) if t.steps][:MOST_RIDGES]
    placed = [(t, max(0, bisect_right(t.steps, step) - 1)) for t in tracks]
    powers = [b for b in range(1, LAST_FINITE) if any(t.counts[i][b] for t, i in placed)] or [LAST_FINITE - HIGHEST]
    bins = range(powers[0], powers[-1] + 1)
    lowest = powers[0] - 3 + LOWEST  # bin 3 begins at 2^LOWEST
    return Histogram(
        f"{what} of every {_noun(what)} at step {step:,}",
        tuple(float(power) for power in range(lowest - 2, lowest + len(bins) + 1)),  # zero, a gap, the powers
        {t.name: (t.counts[i][0], 0, *(t.counts[i][b] for b in bins)) for t, i in placed},
        x_label="log2 of the magnitude",
        caption=f"leftmost: zero; {_nonfinite_words(placed) or 'no NaN or Inf'}",
    )


def magnitudes_by_step(track: TensorTrack) -> Heatmap:
    """Magnitude × step: where the elements of one tensor lay."""
    parts = stretches(track.steps, MOST_STEPS)
    columns = [_mean([shares_at(track, i) for i in part]) for part in parts]
    bins = _used_bins([max(column) for column in zip(*columns, strict=True)])
    together = f"each column the mean of up to {len(parts[0])} sampled steps; " if len(parts[0]) > 1 else ""
    return Heatmap(
        f"{track.name}: {track.what}, step by step",
        rows=tuple(COLUMNS[b] for b in bins),
        columns=tuple(str(track.steps[part[0]]) for part in parts),
        values=tuple(tuple(column[b] for column in columns) for b in bins),
        x_label="step",
        y_label="magnitude",
        unit="share of elements",
        caption=f"{together}{_looked_at(track)}; NaN and Inf counted over all",
    )


def _sizes_by_step(track: TensorTrack) -> Curve:
    largest = tuple(max(abs(low), abs(high)) for low, high in zip(track.low, track.high, strict=True))
    series = {"rms": track.rms, "largest magnitude": largest, "std": track.std, "|mean|": tuple(map(abs, track.mean))}
    positive = {name: tuple(v if v > 0 or v != v else math.nan for v in values) for name, values in series.items()}
    return Curve(f"{track.name}: size of the {track.what}", positive, tuple(map(float, track.steps)), log_y=True)


def shares_at(track: TensorTrack, i: int) -> tuple[float, ...]:
    """Share of the elements per column of COLUMNS at the i-th sampled step; they add up to 1."""
    counts, elements = track.counts[i], max(1, track.elements, track.nonfinite[i])
    odd = tuple(n / elements for n in (track.positive_inf[i], track.negative_inf[i], track.nan[i]))
    total, rest = sum(counts), 1.0 - sum(odd)
    return (*(n / total * rest if total else 0.0 for n in counts), *odd)


def stretches(steps: Sequence[int], most: int) -> list[range]:
    """Positions of steps that share a column, so that there are at most `most` columns."""
    each = math.ceil(len(steps) / most) or 1
    return [range(start, min(start + each, len(steps))) for start in range(0, len(steps), each)]


def _used_bins(largest: list[float]) -> list[int]:
    """The rows to draw, from the top down: what is not finite, the magnitudes without gaps, zero."""
    used = [b for b, share in enumerate(largest) if share]
    powers = [b for b in used if 0 < b < LAST_FINITE]
    spanned = range(powers[0], powers[-1] + 1) if powers else range(0)
    return sorted({0, *used, *spanned}, reverse=True)


def _mean(columns: list[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(values) / len(columns) for values in zip(*columns, strict=True))


def _looked_at(track: TensorTrack) -> str:
    looked, elements = track.looked_at[-1], track.elements
    return f"{looked:,} of {elements:,} elements looked at" if looked < elements else f"all {elements:,} elements"


def _nonfinite_words(placed: list[tuple[TensorTrack, int]]) -> str:
    odd = [(t, i) for t, i in placed if t.nonfinite[i]]
    named = ", ".join(f"{t.name} has {t.nonfinite[i]:,} NaN or Inf" for t, i in odd[:3])
    more = len(odd) - 3
    return f"{named}, and {plural(more, 'other tensor')}" if more > 0 else named


def _noun(what: str) -> str:
    return "layer" if what.startswith("activation") else "parameter"
