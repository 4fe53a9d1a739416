"""Does the model beat what knows nothing of the inputs, and what is linear?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.baselines.comparing import Comparison
from nbdebug.instruments.baselines.result import Baselines
from nbdebug.training_setup import TrainingSetup


@instrument("train_loader", "optimizer", trains=True, title="baselines", level="optimisation", result=Baselines)
def baselines(setup: TrainingSetup, *, steps: int = 200, budget: float | None = "30 s") -> Iterator[Baselines]:
    """Does the model beat what knows nothing of the inputs, and what is linear?

    Judges the model as it is and after a short training of borrowed weights, on samples held out, beside the same training with
    zeroed and with exchanged inputs, the best constant prediction, and a linear model. report.widget() asks you 20 of the samples.

    Args:
        steps: updates of each short training.
        budget: seconds for all of it; None: as long as it takes.

    Raises:
        SetupError: nothing can be held out, or there is no loss.
        StepError: the user's step raised; the original is its cause.
    """
    demand_at_least(1, steps=steps)
    yield from Comparison(setup, steps, budget).run()
