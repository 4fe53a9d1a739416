"""A step of a rank, once more in the kernel."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from nbdebug.errors import LaunchError
from nbdebug.instruments.replay import replayed
from nbdebug.instruments.report import Report
from nbdebug.nonfinite.kept.capsule import read
from nbdebug.training.job import FACTORY, FUNCTION, Job
from nbdebug.training_setup import TrainingSetup

if TYPE_CHECKING:
    from nbdebug.training.run import Run


def replay(run: Run, capsule: int | str | os.PathLike[str]) -> Report:
    """See `Run.replay`."""
    path = capsule if not isinstance(capsule, int) else _numbered(run, capsule)
    if run.job is None or run.job.kind == FUNCTION:
        raise LaunchError(f"this kernel does not know the model of the run: make it, and call nbdebug.replay({str(path)!r}, setup)")
    kept = read(path)
    setup = replace(as_in_ranks(run.job), precision=kept.precision)
    return replayed(setup if kept.state["optimizers"] else replace(setup, optimizer=None), capsule=kept)


def as_in_ranks(job: Job) -> TrainingSetup:
    """The setup with the loss, the optimizer and the scaler that the configuration gave it there. The model is the kernel's own."""
    from nbdebug.training.config import read_config
    from nbdebug.training.run import made
    from nbdebug.training.trainer.losses import build_loss
    from nbdebug.training.trainer.mixing import Mixing
    from nbdebug.training.trainer.optimizers import build_optimizer
    from nbdebug.training.trainer.precision import Whole

    config = read_config(job.config)
    own: TrainingSetup = made(job) if job.kind == FACTORY else job.what  # type: ignore[assignment]
    optimizer = own.optimizer if config.optimizer is None and own.optimizers else build_optimizer(config, own.model, own.optimizers)
    precision, scaler = config.training.precision or own.precision, own.scaler
    if precision == "16-mixed" and (scaler is None or not scaler.is_enabled()):
        import torch

        scaler = torch.amp.GradScaler(torch.device(own.device or "cpu").type)
    loss_fn = build_loss(config, own.loss_fn, own.train_loader, own.device or "cpu")
    setup = replace(own, loss_fn=loss_fn, optimizer=optimizer, precision=precision, scaler=scaler if precision == "16-mixed" else None)
    if not (mixing := Mixing(config)).active:
        return setup
    whole = Whole(setup, mixing)  # which draws the mixture from the random numbers that the capsule puts back
    return replace(setup, batch_loss=lambda _, batch: whole(batch))


def _numbered(run: Run, number: int) -> os.PathLike[str]:
    try:
        return run.capsules[number]
    except IndexError:
        raise LaunchError(f"the run has {len(run.capsules) or 'no'} capsules: no alarm of a step tripped") from None
