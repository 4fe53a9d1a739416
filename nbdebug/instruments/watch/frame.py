"""The histories of a watched training as pandas tables."""

from __future__ import annotations

from typing import Any

from nbdebug.instruments.watch.panels import is_thinned
from nbdebug.instruments.watch.result import WatchResult

PER_STEP = ("rms", "mean", "std", "low", "high", "nan", "positive_inf", "negative_inf", "looked_at")


def history(result: WatchResult) -> Any:
    """One row a step, one column a curve: loss, validation loss, gradient norm, learning rate, seconds, …

    Of a long run a row stands for several steps: then the columns "… low" and "… high" hold the extremes.
    """
    import pandas

    columns: dict[str, Any] = {}
    for name, track in result.tracks.items():
        index = pandas.Index(track.steps, name="step")
        columns[name] = _series(track.values, index)
        if is_thinned(track):
            columns[f"{name} low"], columns[f"{name} high"] = _series(track.low, index), _series(track.high, index)
    if not columns:
        return pandas.DataFrame(index=pandas.Index([], name="step", dtype="int64"))
    return pandas.concat(columns, axis=1).sort_index()


def tensors(result: WatchResult) -> Any:
    """One row a tensor and sampled step: its name, what it is, and its rms, mean, std, extremes and non-finite counts."""
    import pandas

    columns = ("name", "what", "step", *PER_STEP)
    rows = [
        (track.name, track.what, step, *values)
        for track in result.tensors
        for step, *values in zip(track.steps, *(getattr(track, field) for field in PER_STEP), strict=True)
    ]
    return pandas.DataFrame(rows, columns=list(columns))


def _series(values: Any, index: Any) -> Any:
    import pandas

    series = pandas.Series(list(values), index=index, dtype="float64")
    return series[~series.index.duplicated(keep="last")]  # a number that was logged twice in one step
