"""One attempt: some updates on borrowed weights, with the batches and the random numbers of its repeat."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nbdebug.counterfactual import in_training_mode
from nbdebug.instruments.lr_find.groups import Groups
from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched


@dataclass
class Repeat:
    """The ground on which the rates of one repeat are compared."""

    number: int
    batches: list[Any]
    still: list[float] = field(default_factory=list)  # loss of each step's batch with the weights as they are

    def batch(self, step: int) -> Any:
        return self.batches[step % len(self.batches)]

    def control(self, step: int) -> float:
        """The loss of this step's batch with the weights as they are; where a sweep goes on for longer, as when it came before."""
        whole = len(self.still) - len(self.still) % len(self.batches)
        return self.still[step if step < len(self.still) else step % whole]

    def excess(self, step: int, loss: float) -> float:
        """What a loss is above the control's of the same batch."""
        return loss - self.control(step)


def stand_still(setup: TrainingSetup, repeat: Repeat, steps: int) -> None:
    """Measures what the batches of the first `steps` steps cost while no weight moves: the control of everything else."""
    with untouched(setup):
        _begin(setup, repeat)
        for step in range(steps):
            repeat.still.append(float(setup.loss(repeat.batch(step)).detach()))  # with its graph: a loss may ask for gradients itself


def updates(setup: TrainingSetup, repeat: Repeat, groups: Groups, rates: list[float]) -> Iterator[float]:
    """The loss before each update, and one after the last; from the weights as they are, which come back at the end.

    To be closed by who asks: until then the session is lent.
    """
    with untouched(setup, weights=True):
        _begin(setup, repeat)
        for step, rate in enumerate(rates):
            loss = setup.loss(repeat.batch(step))
            yield float(loss.detach())
            groups.set(rate)
            setup.backward(loss)
            setup.step()
            del loss
        yield float(setup.loss(repeat.batch(len(rates))).detach())


def _begin(setup: TrainingSetup, repeat: Repeat) -> None:
    in_training_mode(setup)
    seed_torch(repeat.number)


def blown_up(repeat: Repeat, step: int, loss: float, times: float) -> str:
    """How this loss is out of bounds, in words; "" when it is not."""
    if not math.isfinite(loss):
        return f"the loss is {loss}"
    size = scale(repeat)
    return f"the loss came to {loss:.3g} from {repeat.control(step):.3g}" if repeat.excess(step, loss) > times * size else ""


def scale(repeat: Repeat) -> float:
    """The size of the loss, or of its noise where that is larger."""
    mean = math.fsum(repeat.still) / len(repeat.still)
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in repeat.still) / len(repeat.still))
    return max(abs(mean), spread)
