"""A rank's live weights, optimizer state and last batch, as a setup in the kernel that any instrument takes."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from nbdebug.errors import LaunchError, first_line
from nbdebug.training import weights
from nbdebug.training.job import FACTORY, FUNCTION, Job
from nbdebug.training_setup import TrainingSetup


@dataclass(frozen=True)
class Snapshot:
    """What a rank held between two steps. The model is a copy: the user's own stays as it is."""

    path: Path
    rank: int
    step: int
    weights: dict[str, Any]  # name → tensor, mapped from the file
    batch: Any  # the last one; a class of the user's is a dict of its fields
    left_out: tuple[str, ...]  # what of the batch is no tensor and no plain value
    setup: TrainingSetup | None  # with the copy, its optimizers in their state, and the batch for a loader; None where the kernel knows no model

    @property
    def model(self) -> nn.Module:
        """The copy, with the live weights."""
        if self.setup is None:
            raise LaunchError("this kernel does not know the model of the run: make it, and call model.load_state_dict(snapshot.weights)")
        return self.setup.model

    @property
    def optimizer(self) -> Optimizer | tuple[Optimizer, ...] | None:
        """Of the copy, in the rank's state."""
        optimizers = self.setup.optimizers if self.setup is not None else ()
        return optimizers[0] if len(optimizers) == 1 else optimizers or None


def of(path: Path, job: Job | None) -> Snapshot:
    """What lies in a snapshot's file, and the setup around it.

    Raises:
        CheckpointError: the file is damaged.
        LaunchError: the model cannot be copied, or has other weights than this.
    """
    from nbdebug.training.rank import snapshot

    content = snapshot.read(path)
    setup = None if job is None or job.kind == FUNCTION else _setup(job, content, path)
    return Snapshot(path, int(content["rank"]), int(content["step"]), dict(content["model"]), content["batch"], tuple(content["left_out"]), setup)


def _setup(job: Job, content: dict[str, Any], path: Path) -> TrainingSetup:
    from nbdebug.training.config import read_config
    from nbdebug.training.run import made

    config = read_config(job.config)
    own: TrainingSetup = made(job) if job.kind == FACTORY else job.what  # type: ignore[assignment]
    model, optimizers = _copied(own)
    weights.demand_fit(model, content["model"], path)
    model.load_state_dict(content["model"])
    model.train(bool(content["training"]))
    if config.optimizer is not None:
        from nbdebug.training.trainer.optimizers import build_optimizer

        optimizers = (build_optimizer(config, model, optimizers),)
    for optimizer, state in zip(optimizers, content["optimizers"], strict=False):
        optimizer.load_state_dict(copy.deepcopy(state))  # it keeps what it is given, and the file is read-only
    precision = config.training.precision or own.precision
    return TrainingSetup(
        model=model, loss_fn=own.loss_fn, optimizer=optimizers[0] if len(optimizers) == 1 else optimizers or None, train_loader=None if content["batch"] is None else [content["batch"]],
        val_loader=own.val_loader, scaler=copy.deepcopy(own.scaler), precision=precision, batch_loss=own.batch_loss, device=own.device,
    )  # fmt: skip


def _copied(setup: TrainingSetup) -> tuple[nn.Module, tuple[Optimizer, ...]]:
    """Model and optimizers together, so that the optimizers' parameters are those of the copy."""
    try:
        return copy.deepcopy((setup.model, setup.optimizers))
    except Exception as error:
        raise LaunchError(f"the model cannot be copied ({first_line(error)}): snapshot.weights has the live weights") from error
