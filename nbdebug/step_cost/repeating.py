"""The same training step again and again, with weights that stay where they are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from nbdebug.errors import SetupError, StepError, first_line
from nbdebug.training_setup import TrainingSetup


@dataclass
class Stepper:
    """Whole training steps of a lent setup.

    Attributes:
        left_out: why the update is no part of the step; empty when it is.
    """

    setup: TrainingSetup
    left_out: str = field(default="", init=False)

    def __call__(self, batch: Any) -> None:
        """Forward, backward and update.

        Raises:
            SetupError: the loss has no graph, so there is nothing to walk back.
            StepError: the user's code raised.
        """
        self.walk(batch)
        self.update()

    def walk(self, batch: Any) -> None:
        """Forward and backward alone."""
        loss = self.setup.loss(batch)
        if not loss.requires_grad:
            raise SetupError(
                "the loss does not depend on any weight that wants a gradient, so there is no backward pass to measure: "
                "is everything frozen, or a .detach() in the way? nbdebug.first_step tells"
            )
        self.setup.backward(loss)

    def update(self) -> None:
        """The optimizers' step, as far as it can be made without a closure; gradients are gone afterwards."""
        if not self.left_out:
            try:
                self.setup.step()
                return
            except StepError as error:
                if not isinstance(error.__cause__, TypeError) or "closure" not in str(error):
                    raise
                self.left_out = f"the update is left out: it needs a closure ({first_line(error)})"
        self.clear()

    def clear(self) -> None:
        """Takes all gradients away."""
        for parameter in self.setup.model.parameters():
            parameter.grad = None
        for optimizer in self.setup.optimizers:
            optimizer.zero_grad(set_to_none=True)


@contextlib.contextmanager
def rates_at_zero(setup: TrainingSetup) -> Iterator[None]:
    """Learning rates of zero, so that each measurement meets the same weights; the update's arithmetic stays what it is.

    For a lent setup: the groups are the user's.
    """
    saved = [(group, group["lr"]) for o in setup.optimizers for group in o.param_groups if "lr" in group]
    for group, rate in saved:
        if isinstance(rate, Tensor):
            group["lr"] = rate.clone().zero_()
        elif isinstance(rate, (int, float)):
            group["lr"] = 0.0
    try:
        yield
    finally:
        for group, rate in saved:
            group["lr"] = rate
