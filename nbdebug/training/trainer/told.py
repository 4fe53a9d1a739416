"""What the training says of itself: losses and rates every so many steps, and how long it waited for data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nbdebug.batch import batch_size
from nbdebug.training.trainer.loading import Delivered
from nbdebug.training.trainer.moments import every
from nbdebug.training.trainer.precision import Updated

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context

WINDOW = 1.0  # seconds of which the share of waiting is told


class Told:
    """Gathers what updates were, and says it; a loss is fetched from its device only when it is said."""

    def __init__(self, context: Context) -> None:
        self._context, self._every = context, 1 if context.config.training.fast_dev_run else context.config.log.every_steps
        self._total: Tensor | None = None
        self._count, self._skipped = 0, 0
        self.last: dict[str, float] = {}

    def wants_norm(self, step: int) -> bool:
        """Whether the gradients' norm of this step will be told."""
        return self._context.config.log.gradient_norm and self._due(step)

    def update(self, step: int, updated: Updated, optimizers: tuple[Any, ...], scale: float) -> None:
        """One update; said are the mean loss since the last time, rates, and the norm as it is now."""
        self._total = updated.loss if self._total is None else self._total + updated.loss
        self._count += 1
        self._skipped += updated.skipped
        if not self._due(step):
            return
        self.last = {"loss": float(self._total) / self._count, **_rates(optimizers)}
        if updated.gradient_norm is not None:
            self.last["gradient_norm"] = float(updated.gradient_norm)
        if scale != 1.0:
            self.last |= {"loss_scale": scale, "skipped_steps": float(self._skipped)}
        self._total, self._count = None, 0
        self._context.log(step, **self.last)

    def _due(self, step: int) -> bool:
        return step == 1 or every(self._every, step)


def _rates(optimizers: tuple[Any, ...]) -> dict[str, float]:
    """The learning rate of the first group of each optimizer."""
    rates = [float(optimizer.param_groups[0]["lr"]) for optimizer in optimizers]
    return {"lr": rates[0]} | {f"lr{n}": rate for n, rate in enumerate(rates[1:], start=1)}


def timed(batches: Iterator[Delivered], context: Context) -> Iterator[Delivered]:
    """The same batches; the context is told how many samples came and which share of the time went into waiting."""
    now, waited, since = context.now, 0.0, time.perf_counter()
    begin = since
    while True:
        delivered = next(batches, None)
        if delivered is None:
            return
        end = time.perf_counter()
        waited += end - begin
        if end - since > WINDOW:
            now.data_wait, waited, since = waited / (end - since), 0.0, end
        now.samples += delivered.samples if delivered.samples is not None else batch_size(delivered.batch) or 1
        context.live.batch = delivered.batch
        yield delivered
        begin = time.perf_counter()
