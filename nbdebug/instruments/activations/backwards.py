"""Whether the gradient of a batch is lost although its loss is a number: the root of 0, the norm of a row of zeros, a row that is masked altogether.

Such samples are rare, and seldom in the first batch. One that is the same all over, and a pair of equals, is always asked; others while that costs little.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.counterfactual import trainable
from nbdebug.errors import NbdebugError
from nbdebug.loading import Delivered
from nbdebug.training_setup import TrainingSetup

PATIENCE = 0.3  # seconds of the processor for all passes together, but for those of samples that are the same all over
MOST = 2  # batches with such samples that are asked after those that are listened to


@dataclass
class Backwards:
    """The backward passes of a few batches, and what they took."""

    spent: float = 0.0

    def is_lost(self, setup: TrainingSetup, batch: Any, loss: Tensor | None) -> bool:
        """Whether a gradient of a trainable parameter holds NaN or Inf."""
        if loss is None or not loss.requires_grad or (self.spent > PATIENCE and not _is_odd(batch)):
            return False
        started = time.thread_time()
        try:
            given = torch.autograd.grad(loss, [p for _, p in trainable(setup.model)], allow_unused=True)
        except RuntimeError:  # a step that is told elsewhere
            return False
        finally:
            self.spent += time.thread_time() - started
        return not all(bool(g.isfinite().all()) for g in given if g is not None and g.layout == torch.strided)

    def lost_later(self, setup: TrainingSetup, reading: Iterable[Delivered]) -> int | None:
        """The first of the next batches with odd samples, if its gradient is lost."""
        started, asked = time.thread_time(), 0
        with contextlib.suppress(NbdebugError):
            for delivered in reading:
                if _is_odd(delivered.batch):
                    asked += 1
                    if self.is_lost(setup, delivered.batch, setup.loss(delivered.batch)):
                        return delivered.number
                if asked == MOST or time.thread_time() - started > PATIENCE:
                    break
        return None


def _is_odd(batch: Any) -> bool:
    """Whether a sample of the batch is the same all over, or two of its parts are equal."""
    held = [t.detach().flatten(1) for _, t in batches.tensors(batch) if t.ndim > 1 and t[0].numel() > 1]
    same = any(bool((t == t[:, :1]).all(1).any()) for t in held)
    return same or any(a.shape == b.shape and bool((a == b).all(1).any()) for a, b in combinations(held, 2))
