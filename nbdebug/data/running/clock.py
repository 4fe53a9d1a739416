"""How fast the loader is as it is configured, and whether the model would wait for it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from nbdebug.data.no_model import NoModel
from nbdebug.data.running.asked import Running
from nbdebug.data.running.box import Box
from nbdebug.data.running.costs import Cost
from nbdebug.data.running.trials import Trial
from nbdebug.data.running.twin import delivered, twin
from nbdebug.errors import NbdebugError
from nbdebug.training_setup import TrainingSetup

BETTER = 1.2  # how many times as fast another configuration must be to be named


@dataclass(frozen=True)
class SpeedLook:
    """The clock of one loader."""

    name: str
    own: Trial
    others: tuple[Trial, ...]
    costs: tuple[Cost, ...]
    step_seconds: float | None  # forward and backward of such a batch; None without a model
    move_seconds: float | None  # of the batch to the model's device; None on the CPU
    cores: int
    epoch_batches: int | None = None  # None: nobody knows before they are read
    not_measured: tuple[str, ...] = ()  # what there was no time for

    @property
    def waiting(self) -> float | None:
        """Share of the time that the model would wait, an estimate: workers load while it computes."""
        if self.step_seconds is None:
            return None
        load, step = self.own.batch_seconds, self.step_seconds + (self.move_seconds or 0.0)
        whole = max(load, step) if self.own.num_workers else load + step
        return max(0.0, (whole - step) / whole) if whole > 0 else 0.0

    @property
    def lost(self) -> float | None:
        """Seconds of waiting in an epoch; None where its length is not known."""
        if self.waiting is None or self.epoch_batches is None:
            return None
        load, step = self.own.batch_seconds, (self.step_seconds or 0.0) + (self.move_seconds or 0.0)
        return self.epoch_batches * (max(0.0, load - step) if self.own.num_workers else load)

    @property
    def best(self) -> Trial | None:
        """The fastest other configuration, if it is faster beyond the noise of both."""
        faster = [t for t in self.others if t.spread[1] * BETTER < self.own.spread[0]]
        return min(faster, key=lambda trial: trial.batch_seconds, default=None)


def step_seconds(setup: TrainingSetup, running: Running, box: Box) -> tuple[float | None, float | None]:
    """Forward and backward of a batch of the loader (no update), and its way to the device; (None, None) where it cannot be known."""
    if isinstance(setup.model, NoModel) or (setup.loss_fn is None and setup.batch_loss is None):
        return None, None
    try:
        with twin(running, workers=0) as copied:
            batch = next(iter(delivered(copied, running, 1, box)))
        best, moving = float("inf"), 0.0
        for _ in range(3):
            started = time.perf_counter()
            moved = setup.moved(batch)
            _wait(setup)
            moving = time.perf_counter() - started
            with torch.enable_grad():
                setup.backward(setup.loss(moved))
            _wait(setup)
            best = min(best, time.perf_counter() - started - moving)
            if best > 1.0 or box.left <= best:
                break
    except (NbdebugError, StopIteration):
        return None, None
    return best, moving if setup.device.type != "cpu" else None


def _wait(setup: TrainingSetup) -> None:
    if setup.device.type == "cuda":
        torch.cuda.synchronize(setup.device)
