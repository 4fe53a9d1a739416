"""The validation: every sample once, whichever rank has it, and the mean over all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.counterfactual import evaluated
from nbdebug.training.trainer.loading import Batches, Delivered, Place
from nbdebug.training.trainer.loading.randomness import Apart, seed_of
from nbdebug.training.trainer.together import Together
from nbdebug.training_setup import TrainingSetup


class Validation:
    """Goes through the validation data with the model as it is, not through DDP: ranks may have unequally many batches.

    Args:
        setup: whose model and loss are asked.
        metrics: called with outputs and targets; None: only the loss is measured.
        most: batches that are looked at; None: all.
    """

    def __init__(self, setup: TrainingSetup, data: Batches, together: Together, metrics: Any = None, seed: int = 0, most: int | None = None) -> None:
        self._setup, self._data, self._together, self._metrics, self._most = setup, data, together, metrics, most
        self._seed = seed_of(seed, "validation")

    def __call__(self, stops: Callable[[], bool]) -> dict[str, float]:
        """`loss` as the mean over the samples of all ranks, and the metrics; nothing when it was broken off.

        Args:
            stops: asked after each batch that all ranks have; whether to break off, the same on all of them.
        """
        total, count = 0.0, 0
        if self._metrics is not None:
            self._metrics.reset()
        with evaluated(self._setup.model), torch.no_grad(), Apart(self._seed), _device_randomness(self._setup.device, self._seed):
            for number, delivered in enumerate(self._data.epoch(Place())):
                if number == self._most:
                    break
                samples = _samples(delivered)
                loss = self._loss(delivered.batch)
                total, count = total + loss.double() * samples, count + samples  # summed where it is: a GPU is not waited for
                if delivered.everyone and stops():
                    return {}
        sums = self._together.sums(float(total), float(count))
        found = {"loss": sums[0] / sums[1]} if sums[1] else {}
        return found | (self._metrics.compute() if self._metrics is not None else {})

    def _loss(self, batch: Any) -> Tensor:
        if self._metrics is None:
            return self._setup.loss(batch)
        loss, outputs, targets = judged(self._setup, batch)
        self._metrics(outputs, targets)
        return loss


def judged(setup: TrainingSetup, batch: Any) -> tuple[Tensor, Any, Any]:
    """The loss of a batch, what the model returned and what that was compared with; None for what is not known with a `batch_loss`."""
    seen: list[Any] = []
    handle = setup.model.register_forward_hook(lambda module, args, outputs: seen.append(outputs))
    try:
        batch = setup.moved(batch)
        loss = setup.loss(batch)
    finally:
        handle.remove()
    targets = batches.split(batch, setup.model).targets if setup.batch_loss is None else None
    return loss, seen[-1] if seen else None, targets


def _samples(delivered: Delivered) -> int:
    if delivered.samples is not None:
        return delivered.samples
    return batches.batch_size(delivered.batch) or 1


@contextlib.contextmanager
def _device_randomness(device: torch.device, seed: int) -> Iterator[None]:
    """The same for the random numbers of a GPU as for those of the process."""
    if device.type != "cuda":
        yield
        return
    state = torch.cuda.get_rng_state(device)
    torch.cuda.manual_seed(seed)
    try:
        yield
    finally:
        torch.cuda.set_rng_state(state, device)
