"""A watched training as event files that TensorBoard opens: the curves as scalars, the tensors as histograms."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from nbdebug.errors import SetupError, first_line
from nbdebug.findings import Finding
from nbdebug.instruments.watch.result import TensorTrack, WatchResult
from nbdebug.tensor_stats import HIGHEST, LOWEST

EVERY = 30.0  # seconds between two writings while the loop runs; TensorBoard looks as often
WAIT_FACTOR = 100  # times what the last one cost
SUBNORMAL = 2.0**-126  # float32: smaller ones are subnormal
# the upper end of each bin of a TensorTrack: zero, subnormal, below 2^LOWEST, then powers of two; the last has its own
LIMITS = (0.0, SUBNORMAL, *(2.0**power for power in range(LOWEST, HIGHEST + 1)), math.inf)


class EventFiles:
    """Writes into a directory while a loop runs; `close` completes it, and writing after that begins another file.

    A magnitude has no sign, and neither have these histograms: their tags say so, "activation magnitude/encoder.0".
    Of NaN and Inf there are scalars, because a histogram has no place for them.

    Raises:
        SetupError: tensorboard is not installed, or the directory cannot be written to.
    """

    def __init__(self, log_dir: str | PathLike[str]) -> None:
        self.trouble = ""  # why it fell silent; empty while it works
        self._log_dir = fspath(log_dir)
        self._written: dict[str, int] = {}  # tag → the last step that was written
        self._next = time.perf_counter() + EVERY
        self._writer: Any = _opened(self._log_dir)

    def write(self, result: Callable[[], WatchResult]) -> None:
        """Now and then, writes what is new; costs next to nothing in between. Never raises.

        An event costs a fifth of a millisecond, most of it for a checksum: one for every update would be felt. So the
        curves are written as they are kept, in at most a few thousand points, which is more than TensorBoard draws.
        """
        started = time.perf_counter()
        if started >= self._next and not self.trouble:
            self._guarded(lambda: self._catch_up(result(), unfinished=True))
            ended = time.perf_counter()
            self._next = ended + max(EVERY, WAIT_FACTOR * (ended - started))

    def close(self, result: WatchResult, findings: Iterable[Finding] = ()) -> None:
        """Writes what is missing and the findings, and closes the file."""
        self._guarded(lambda: self._finish(result, tuple(findings)))
        writer, self._writer = self._writer, None
        if writer is not None:
            self._guarded(writer.close)

    # -- what goes in -------------------------------------------------------------------------------------------

    def _finish(self, result: WatchResult, findings: tuple[Finding, ...]) -> None:
        self._catch_up(result, unfinished=False)
        if findings:
            self._add(max(0, result.steps - 1), [_text("findings", _as_markdown(findings))])

    def _catch_up(self, result: WatchResult, *, unfinished: bool) -> None:
        """Everything of the result that was not written yet; while it is unfinished, the last point may still change."""
        for name, track in result.tracks.items():
            last = self._written.get(name, -1)
            points = list(zip(track.steps, track.values, strict=True))
            for step, value in points[:-1] if unfinished else points:
                if step > last:
                    self._scalars(step, {name: value})
        for what in dict.fromkeys(track.what for track in result.tensors):
            self._nonfinite(what, result.tensors_of(what))
        for track in result.tensors:
            self._histograms(track)
        if self._writer is not None:
            self._writer.flush()

    def _scalars(self, step: int, numbers: dict[str, float]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._add(step, [Summary.Value(tag=tag, simple_value=value) for tag, value in numbers.items()])

    def _histograms(self, track: TensorTrack) -> None:
        tag = f"{track.what} magnitude/{track.name}"
        last = self._written.get(tag, -1)
        for i, step in enumerate(track.steps):
            if step > last and any(track.counts[i]):
                self._add(step, [_histogram(tag, track, i)])

    def _nonfinite(self, what: str, tracks: list[TensorTrack]) -> None:
        """The count over all tensors of a kind at every sampled step, and that of each tensor that ever had some."""
        total: dict[int, int] = {}
        for track in tracks:
            for step, count in zip(track.steps, track.nonfinite, strict=True):
                total[step] = total.get(step, 0) + count
        counts = {f"NaN or Inf/{what}": total}
        for track in tracks:
            if any(track.nonfinite):
                counts[f"NaN or Inf in {what}/{track.name}"] = dict(zip(track.steps, track.nonfinite, strict=True))
        for tag, by_step in counts.items():
            last = self._written.get(tag, -1)
            for step in sorted(step for step in by_step if step > last):
                self._scalars(step, {tag: float(by_step[step])})

    def _add(self, step: int, values: list[Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        if not values:
            return
        if self._writer is None:
            self._writer = _opened(self._log_dir)
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        self._written.update((value.tag, step) for value in values)

    def _guarded(self, act: Callable[[], None]) -> None:
        """A full disk must not stop a training."""
        if self.trouble:
            return
        try:
            act()
        except Exception as error:
            self.trouble = f"{type(error).__name__}: {first_line(error)}"


def _opened(log_dir: str) -> Any:
    try:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        raise SetupError(
            'log_dir needs the package tensorboard, which is not installed: pip install tensorboard'
        ) from None
    try:
        return EventFileWriter(log_dir)
    except OSError as error:
        raise SetupError(f"cannot write event files into {log_dir}: {error.strerror}; choose a folder that is yours") from None


@dataclass(frozen=True)
class Bars:
    """A histogram as TensorBoard has it."""

    low: float
    high: float
    count: float
    total: float
    squares: float
    limits: tuple[float, ...]  # upper ends
    counts: tuple[float, ...]


def bars(track: TensorTrack, i: int) -> Bars:
    """The magnitudes of a tensor at one sampled step, which has some that are finite."""
    counts, largest = track.counts[i], max(abs(track.low[i]), abs(track.high[i]))
    used = [b for b, count in enumerate(counts) if count]
    first, last = max(0, used[0] - 1), used[-1]  # the bin before the first gives it its lower end
    limits = tuple(LIMITS[b] if math.isfinite(LIMITS[b]) else _above(largest) for b in range(first, last + 1))
    seen = sum(counts)
    return Bars(
        LIMITS[first], largest if math.isfinite(largest) else limits[-1], seen, sum(count * _middle(b, largest) for b, count in enumerate(counts) if count),
        track.rms[i] ** 2 * seen if math.isfinite(track.rms[i]) else 0.0, limits, counts[first : last + 1],
    )  # fmt: skip


def _histogram(tag: str, track: TensorTrack, i: int) -> Any:
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

    made = bars(track, i)
    values = HistogramProto(
        min=made.low, max=made.high, num=made.count, sum=made.total, sum_squares=made.squares, bucket_limit=made.limits, bucket=made.counts
    )
    return Summary.Value(tag=tag, histo=values)


def _middle(b: int, largest: float) -> float:
    """A magnitude in the middle of a bin, for sums that the bins alone cannot give exactly."""
    if b == 0:
        return 0.0
    return LIMITS[b] * 0.75 if math.isfinite(LIMITS[b]) else _above(largest)


def _above(largest: float) -> float:
    return largest if math.isfinite(largest) and largest > LIMITS[-2] else 2 * LIMITS[-2]


def _text(tag: str, text: str) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    plugin = SummaryMetadata.PluginData(plugin_name="text")
    content = TensorProto(
        dtype="DT_STRING", string_val=[text.encode()], tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    )
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin), tensor=content)


def _as_markdown(findings: tuple[Finding, ...]) -> str:
    lines = [f"- **{f.severity} {f.code} {f.title}** ({f.location})  \n  {f.message}. Try: {f.advice}" for f in findings]
    return "\n".join(lines)
