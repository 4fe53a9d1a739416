"""What is seen of a watched training while it runs: one output, refreshed at most twice a second, for under 1 % of the time.

The first refresh loads what draws: it says nothing about the next ones, and is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from nbdebug.errors import first_line
from nbdebug.instruments.report import Report
from nbdebug.instruments.watch.panels import loss_panel
from nbdebug.instruments.watch.panels.predictions import live_map
from nbdebug.instruments.watch.panels.tensors import over_steps, rms_by_step
from nbdebug.page import Curve, Glance, Heatmap, Panel
from nbdebug.render.live import Live
from nbdebug.render.numbers import number

EVERY = 0.5  # seconds between two refreshes at least
REPORT_EVERY = 3.0  # seconds between two looks at findings and layers at least
WAIT_FACTOR = 200  # times what the last one cost, for either kind: half a percent each, one together
MOST_LOSSES = 480  # points of the curve; then every second one goes
MOST_LAYERS = 16  # rows of the heat-map
LEAST_LEFT = 2  # seconds left of an epoch that are worth a word


@dataclass(frozen=True)
class Now:
    """How far the loop is, handed over after every update."""

    step: int  # from 0
    loss: float | None
    seconds: float | None  # of this step, from its batch to the end of its update
    data_wait: float | None  # share of the steps' time so far that was spent waiting for batches
    epoch: int | None  # iterations over the training loader begun
    batch: int | None  # of this iteration
    batches: int | None  # that an iteration has; None when it is not known
    report: Callable[[], Report]  # of what was seen so far; takes its time


class LiveView:
    """Shows `Now` where somebody looks, and nothing in a file or a pipe. Never raises into the loop."""

    def __init__(self, *, live: Live | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.trouble = ""  # why the view fell silent; empty while it works
        self._clock = clock
        self._live = live if live is not None else Live(every=0.0)
        self._next_glance, self._next_report = clock() + EVERY, clock() + REPORT_EVERY
        self._drew = False
        self._losses = Losses()
        self._report: Report | None = None
        self._pace = _Pace(clock)

    @property
    def is_seen(self) -> bool:
        """Whether somebody looks."""
        return self._live.is_seen

    def step(self, now: Now) -> None:
        """An update is over. Costs next to nothing unless a refresh is due."""
        if not self._live.is_seen:
            return
        self._losses.add(now.step, now.loss)
        if (started := self._clock()) < self._next_glance:
            return
        try:
            self._refresh(now, started)
        except Exception as error:  # a view that fails must not stop a training
            self.trouble = f"{type(error).__name__}: {first_line(error)}"
            self._live.close()

    def close(self) -> None:
        """Takes the output away; what remains is the report."""
        self._live.close()

    def _refresh(self, now: Now, started: float) -> None:
        if started >= self._next_report:
            self._report = now.report()
            ended = self._clock()
            self._next_report = ended + max(REPORT_EVERY, WAIT_FACTOR * (ended - started))
            started = ended
        self._live.show(self._glance(now), now=True)
        ended = self._clock()
        self._next_glance = ended + (max(EVERY, WAIT_FACTOR * (ended - started)) if self._drew else EVERY)
        self._drew = True

    def _glance(self, now: Now) -> Glance:
        done = now.batch / now.batches if now.batch is not None and now.batches else None
        findings = self._report.findings if self._report is not None else ()
        words = _words(now, self._pace.steps_a_second(now.step))
        return Glance("watching", words, done, findings, tuple(self._panels()))

    def _panels(self) -> list[Panel]:
        curve, layers, said = self._losses.curve(), None, None
        if self._report is not None and self._report.result is not None:
            result = self._report.result
            curve = curve or loss_panel(result)  # on an accelerator the losses come by and by
            layers = layer_map(result.tensors_of("activation"))
            said = live_map(result.predictions) if result.predictions is not None else None
        return [panel for panel in (curve, said, layers) if panel is not None]


class Losses:
    """The course of the loss in a bounded number of points."""

    def __init__(self) -> None:
        self._points: list[tuple[int, float]] = []
        self._every = 1

    def add(self, step: int, loss: float | None) -> None:
        if loss is None or step % self._every:
            return
        self._points.append((step, loss))
        if len(self._points) > MOST_LOSSES:
            self._every *= 2
            self._points = [point for point in self._points if point[0] % self._every == 0]

    def curve(self) -> Curve | None:
        values = tuple(loss for _, loss in self._points)
        return Curve("loss", {"loss": values}, tuple(float(step) for step, _ in self._points)) if len(values) > 1 else None


class _Pace:
    """Steps a second since the last refresh."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._at, self._step = clock, clock(), -1

    def steps_a_second(self, step: int) -> float:
        seconds, steps = self._clock() - self._at, step - self._step
        self._at, self._step = self._at + seconds, step
        return steps / seconds if seconds > 0 else 0.0


def layer_map(activations: list) -> Heatmap | None:
    """The sizes of a few layers over the steps so far."""
    seen = [track for track in activations if track.steps]
    return over_steps("layers", seen, rms_by_step, each="layer", unit="rms", most=MOST_LAYERS) if seen else None


def _words(now: Now, speed: float) -> str:
    of = f" of {now.batches:,}" if now.batches else ""
    parts = [
        f"epoch {now.epoch}" if now.epoch is not None else "",
        f"batch {now.batch:,}{of}" if now.batch is not None else "",
        f"step {now.step:,}",
        f"loss {number(now.loss)}" if now.loss is not None else "",
        f"{number(float(f'{speed:.2g}'))} steps/s" if speed else "",
        f"{now.data_wait:.0%} waiting for data" if now.data_wait is not None and now.data_wait >= 0.005 else "",
        _left(now, speed),
    ]
    return " · ".join(part for part in parts if part)


def _left(now: Now, speed: float) -> str:
    """How long the rest of this iteration over the loader takes."""
    if now.batch is None or not now.batches or not speed or now.batch >= now.batches:
        return ""
    seconds = round((now.batches - now.batch) / speed)
    if seconds < LEAST_LEFT:
        return ""
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes}:{seconds:02} left in this epoch"
