"""One experiment: the same samples from the weights as they are, with one thing changed on the borrowed setup."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from torch import Tensor

from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import NbdebugError, first_line
from nbdebug.instruments.overfit.attempts import Step, Task, attempt
from nbdebug.instruments.overfit.result import Attempt, Experiment
from nbdebug.untouched import untouched


def experiment(
    task: Task, name: str, change: Callable[[Task], Callable[[], Tensor]], stepper: Callable[[], Step], until: float, *, give_up: bool = False
) -> Experiment:
    """Makes the change, and trains on the loss that it gives.

    Args:
        task: with a reference, so that a change which only begins higher up has not come further.
        until: time.perf_counter() at which it is stopped.
        give_up: whether it ends early when nothing moves.
    """
    so_far: Attempt | None = None
    note = ""
    try:
        with untouched(task.setup, weights=True):
            in_training_mode(task.setup)
            for now in attempt(task, name, stepper, change(task), give_up=give_up):
                so_far = now
                if time.perf_counter() >= until:
                    note = "the time was up"
                    break
    except (NbdebugError, RuntimeError, ValueError, TypeError, IndexError) as error:  # what is left of a step need not fit together
        note = f"could not be tried: {first_line(error)}"
    if so_far is None:
        return Experiment(name, None, False, 0, note)
    lowest = min((loss for loss in so_far.losses if math.isfinite(loss)), default=None)
    return Experiment(name, lowest, so_far.memorised, so_far.steps[-1], note)
