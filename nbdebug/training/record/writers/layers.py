"""The layers of a run for TensorBoard: sizes as scalars, magnitudes as histograms, in a folder of their own, which TensorBoard shows as a run beside the curves.

A checksum costs a tenth of a millisecond a tensor, so that only the step that was looked at last is written, each time when what was seen is judged.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from pathlib import Path

from nbdebug.instruments.watch.result import TensorTrack, WatchResult
from nbdebug.instruments.watch.tensorboard import bars
from nbdebug.training.record.writers.event_file import EventFile

MOST = 400  # tensors, evenly chosen; our choice: some 40 ms


class LayerFile:
    """One file, made when there is something to write.

    Raises, from `write`:
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path, attempt: int = 0) -> None:
        self._folder, self._attempt = folder, attempt
        self._file: EventFile | None = None
        self._last = -1  # step that was written

    def write(self, result: WatchResult) -> None:
        """The last step that was looked at."""
        tracks = [track for track in result.tensors if track.steps]
        step = max((track.steps[-1] for track in tracks), default=-1)
        if step <= self._last:
            return
        now = [track for track in tracks if track.steps[-1] == step]
        now = now[:: -(-len(now) // MOST)]
        if self._file is None:
            self._file = EventFile(self._folder, time.time(), f"layers.{os.getpid()}.{self._attempt}")
            if self._attempt:
                self._file.begins(time.time(), step)
        self._file.scalars(time.time(), step, _sizes(now) | _norm(result))
        self._file.histograms(time.time(), step, {f"{track.what} magnitude/{track.name}": bars(track, -1) for track in now if any(track.counts[-1])})
        self._last = step

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None


def _sizes(tracks: list[TensorTrack]) -> dict[str, float]:
    """Root mean squares, and what an update is of its weight."""
    sizes = {f"{track.what} rms/{track.name}": track.rms[-1] for track in tracks}
    weights = {track.name: track.rms[-1] for track in tracks if track.what == "weight"}
    ratios = {f"update over weight/{t.name}": t.rms[-1] / weights[t.name] for t in tracks if t.what == "update" and weights.get(t.name, 0.0) > 0}
    found = sizes | ratios | {f"NaN or Inf in {track.what}/{track.name}": float(track.nonfinite[-1]) for track in tracks if track.nonfinite[-1]}
    return {tag: value for tag, value in found.items() if math.isfinite(value)}


def _norm(result: WatchResult) -> dict[str, float]:
    """Of all gradients together, at the last look."""
    track = result.tracks.get("gradient norm")
    known = track is not None and len(track) and math.isfinite(track.values[-1])
    return {"gradient norm": track.values[-1]} if known else {}
