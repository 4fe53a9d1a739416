"""How fast weights still moved at the end, where a schedule had brought the rate down: a loss that stands there may be the schedule's doing."""

from __future__ import annotations

import math

from nbdebug.curve_shapes import middle
from nbdebug.instruments.watch.reading.motion import Motion, moving, rates
from nbdebug.instruments.watch.result import WatchResult

LATE = 0.6  # of the steps, from which on the loss is compared with what it was before
DOWN = 0.5  # of its peak, below which a rate has come down; our choice


def late_pace(result: WatchResult) -> float | None:
    """By how much one weight moved in a late step, at the root mean square of the fastest group; None where no schedule had brought the rates down by then."""
    groups = moving(result)
    if not groups or not all(_has_come_down(result, group) for group in groups):
        return None
    return max(_pace(result, group) for group in groups) or None


def _has_come_down(result: WatchResult, group: Motion) -> bool:
    """Whether its rate was low in all late steps; a rate is noted where it changes."""
    track = rates(result, group)
    if track is None or not len(track):
        return False
    highs, since = track.high or track.values, LATE * result.steps
    first = max((i for i, step in enumerate(track.steps) if step <= since), default=0)
    return max(highs) > 0 and max(highs[first:]) < DOWN * max(highs)


def _pace(result: WatchResult, group: Motion) -> float:
    """Of the late looks; where there were none, of the last."""
    known = [(step, update) for step, update in zip(group.steps, group.updates, strict=True) if math.isfinite(update)]
    late = [update for step, update in known if step >= LATE * result.steps] or [update for _, update in known[-1:]]
    return middle(late) / math.sqrt(group.elements) if late else 0.0
