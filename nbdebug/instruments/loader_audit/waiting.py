"""Does it matter that the model waits? Judged once, for the verdict and for what is shown beside the measurement."""

from __future__ import annotations

from nbdebug.data.running import SpeedLook

STARVED, FACTOR = 0.6, 2.0  # share of the time that the model waits, and how much slower the loader is; our choice
NOTICED = 0.005  # seconds a batch, below which nobody waits
MATTERS = 1.0  # seconds an epoch, below which it is worth knowing at most; our choice

STEP = "forward and backward"  # as it is named where there was no time for it


def why_calm(speed: SpeedLook) -> str:
    """Why the waiting is nothing to be told of; empty where it is."""
    waiting = speed.waiting or 0.0
    lost = f", which is {said(speed.lost)} of each epoch" if speed.lost is not None else ""
    if waiting <= STARVED:
        return f"no alarm below {STARVED:.0%}{lost}"
    if speed.own.batch_seconds <= NOTICED:
        return f"no alarm: a batch is there in less than {1000 * NOTICED:g} ms{lost}"
    if speed.own.batch_seconds <= FACTOR * (speed.step_seconds or 0.0):
        return f"no alarm: loading takes less than {FACTOR:g} times as long as the step{lost}"
    return ""


def matters(speed: SpeedLook) -> bool:
    """Whether more than a second of each epoch is lost; where its length is not known it may be."""
    return speed.lost is None or speed.lost > MATTERS


def said(seconds: float) -> str:
    """`0.02 s`, `6.4 s`."""
    return f"{seconds:.1g} s" if seconds < 0.1 else f"{seconds:.3g} s"
