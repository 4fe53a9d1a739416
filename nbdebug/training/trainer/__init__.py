"""A small trainer: a setup and a configuration in, trained weights, curves and checkpoints out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbdebug.training_setup import TrainingSetup

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context


def train(setup: TrainingSetup, context: Context) -> dict[str, Any]:
    """Trains as the context's configuration says, from the start or from `context.resume`; every rank calls it.

    Returns:
        `step`, `epoch`, `metrics` of the last validation, `train`: the values told last, and `ended`: why it ended.

    Raises:
        SetupError, ConfigError: what is missing, or does not fit.
        CheckpointError: the state to go on from is of another training, or the weights cannot be written.
    """
    from nbdebug.training.trainer.assembly import assembled
    from nbdebug.training.trainer.loop import Loop

    return Loop(assembled(setup, context), context).run()
