"""The layers of the trainer's model at sampled steps. Torch is tapped for these steps alone, so that the others cost nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nbdebug.guard import Guarded
from nbdebug.instruments.placing import placed
from nbdebug.taps import Silent, Taps
from nbdebug.training.rank.snapshot import unwrapped
from nbdebug.training.trainer.assembly import Training
from nbdebug.training.trainer.numbers.judging import Judging, gone_on
from nbdebug.training.trainer.numbers.purse import Purse
from nbdebug.training.trainer.numbers.sampling import Sampling
from nbdebug.training.trainer.precision import Updated

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context


class Steps(Silent):
    """Hears the optimizers; all that there is to be heard of a compiled model."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling

    def before_step(self, optimizer: Any, closure: bool, frame: FrameType) -> None:
        self._sampling.before_step(optimizer)

    def after_step(self, optimizer: Any, frame: FrameType) -> None:
        self._sampling.after_step(optimizer)


class Passes(Steps):
    """Hears the passes through the model too, and what its loss is compared with."""

    def __init__(self, sampling: Sampling, model: nn.Module) -> None:
        super().__init__(sampling)
        self._model = model
        self._undo: Callable[[], None] | None = None

    def enter(self, model: nn.Module, args: Any, kwargs: Any, frame: FrameType) -> None:
        if torch.is_grad_enabled():
            started = time.perf_counter()
            self._undo = self._sampling.numbers.listen(self._model)
            self._sampling.spend(started)

    def leave(self, output: Any) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def loss(self, name: str, value: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        if isinstance(value, Tensor) and value.numel() == 1 and value.requires_grad:
            started = time.perf_counter()
            self._sampling.constants.seen(name, self._sampling.step, value, args, kwargs)
            self._sampling.spend(started)


class Nothing:
    """Of a rank that does not look at its layers."""

    def begins(self, step: int) -> None:
        return

    def over(self, step: int, updated: Updated | None) -> None:
        return

    def close(self) -> None:
        return


class Sampled(Nothing):
    """Looks at the layers of one rank's training.

    Args:
        every: of the configuration; None: as often as a share of the time allows.
    """

    def __init__(self, training: Training, context: Context, every: int | None) -> None:
        self._setup, model = training.setup, unwrapped(training.setup.model)
        before, known = gone_on(context)
        self._sampling = Sampling(Purse(every), before)
        self._sampling.know(training.setup.model)
        self._sampling.scheduled(type(schedule).__name__ for schedule in training.schedules)
        compiled = model is not training.setup.model or model._compiled_call_impl is not None
        self._listener = Guarded(Steps(self._sampling) if compiled else Passes(self._sampling, model))
        self._judging = Judging(self._sampling, context, lambda found: placed(found, self._setup.model, setup=self._setup), known=known)
        self._taps: Taps | None = None
        self._asked = -1  # step at which it was asked whether one is due

    def begins(self, step: int) -> None:
        """A batch of this step, counted from 1, is about to be passed."""
        if step == self._asked:
            return
        self._asked = step
        if self._sampling.purse.due(step):
            self._sampling.begin(step, self._setup.scale())
            started = time.perf_counter()
            self._taps = Taps(self._listener)
            self._taps.open()
            self._sampling.spend(started)

    def over(self, step: int, updated: Updated | None) -> None:
        """The step is over; None: it was left out."""
        if updated is not None:
            self._sampling.updated(step, updated.loss, () if updated.skipped else self._setup.optimizers)
        if self._taps is not None:
            self._untap()
            self._sampling.end(step)
            self._judging.looked()

    def close(self) -> None:
        """The training is over, however it ended."""
        self._untap()
        self._judging.close()
        self._sampling.release()

    def _untap(self) -> None:
        taps, self._taps = self._taps, None
        if taps is not None:
            taps.close()
        if self._listener.trouble:
            self._sampling.numbers.left_out.setdefault("the model", self._listener.trouble)


def sampled(training: Training, context: Context) -> Nothing:
    """What looks at the layers of this rank, as the configuration says."""
    told = context.config.watch
    if not context.is_main or told.layers is None:
        return Nothing()
    return Sampled(training, context, told.layers if isinstance(told.layers, int) else None)
