"""What the training says of itself: losses and rates every so many steps, and how long it waited for data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nbdebug.batch import batch_size
from nbdebug.training.trainer.loading import Delivered
from nbdebug.training.trainer.precision import Updated
from nbdebug.training_setup import TrainingSetup

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context

WINDOW = 1.0  # seconds of which the share of waiting is told
WAITING = 64  # losses that wait where they lie


class Told:
    """Gathers what updates were, and says it; a loss is fetched from its device only when it is said."""

    def __init__(self, context: Context, setup: TrainingSetup) -> None:
        self._context, self._setup = context, setup
        self._every = 1 if context.config.training.fast_dev_run else context.config.log.every_steps
        self._norms = context.config.log.gradient_norm
        self._losses: list[Tensor] = []  # that were not fetched yet
        self._total, self._count, self._skipped = 0.0, 0, 0
        self.last: dict[str, float] = {}

    def wants_norm(self, step: int) -> bool:
        """Whether the gradients' norm of this step will be told."""
        return self._norms and self._due(step)

    def update(self, step: int, updated: Updated) -> None:
        """One update; said are the mean loss since the last time, rates, and the norm as it is now."""
        loss, skipped, norm = updated
        self._count += 1
        self._skipped += skipped
        if loss.is_cpu:
            self._total += loss.item()
        else:
            self._losses.append(loss)
            if len(self._losses) == WAITING:
                self._fetch()
        if not self._due(step):
            return
        self._fetch()
        scale = self._setup.scale()
        self.last = {"loss": self._total / self._count, **_rates(self._setup.optimizers)}
        if norm is not None:
            self.last["gradient_norm"] = float(norm)
        if scale != 1.0:
            self.last |= {"loss_scale": scale, "skipped_steps": float(self._skipped)}
        self._total, self._count = 0.0, 0
        self._context.log(step, **self.last)

    def _fetch(self) -> None:
        """The losses that lie on another device, in one go."""
        if self._losses:
            self._total += float(torch.stack(self._losses).cpu().double().sum())
            self._losses.clear()

    def _due(self, step: int) -> bool:
        return step == 1 or step % self._every == 0


def _rates(optimizers: tuple[Any, ...]) -> dict[str, float]:
    """The learning rate of the first group of each optimizer."""
    rates = [float(optimizer.param_groups[0]["lr"]) for optimizer in optimizers]
    return {"lr": rates[0]} | {f"lr{n}": rate for n, rate in enumerate(rates[1:], start=1)}


def timed(
    batches: Iterator[Delivered], context: Context, heard: Callable[[float, float, bool], None] | None = None, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Delivered]:  # fmt: skip
    """The same batches; the context is told how many samples came and which share of the time went into waiting.

    Args:
        heard: is told from when to when a batch was waited for, and whether it is the first, which starts workers.
    """
    now, live, waited, since = context.now, context.live, 0.0, clock()
    begin, first = since, True
    for delivered in batches:
        end = clock()
        waited += end - begin
        if heard is not None:
            heard(begin, end, first)
            first = False
        if end - since > WINDOW:
            now.data_wait, waited, since = waited / (end - since), 0.0, end
        batch, _, samples, *_ = delivered
        now.samples += samples if samples is not None else batch_size(batch) or 1
        live.batch = batch
        yield delivered
        begin = clock()
