"""Setup and configuration put together: what is trained, by what, on which data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.data import WeightedRandomSampler

from nbdebug.errors import SetupError
from nbdebug.training.trainer.averaging import Averaged
from nbdebug.training.trainer.balance import draw_weights
from nbdebug.training.trainer.compiling import compiled
from nbdebug.training.trainer.determinism import seed_rank
from nbdebug.training.trainer.loading import Batches, Dealing, batches
from nbdebug.training.trainer.losses import build_loss
from nbdebug.training.trainer.metrics import Metrics
from nbdebug.training.trainer.mixing import Mixing
from nbdebug.training.trainer.optimizers import build_optimizer
from nbdebug.training.trainer.own_schedules import OwnSchedules
from nbdebug.training.trainer.precision import Updates, Whole, updates
from nbdebug.training.trainer.recompute import recompute
from nbdebug.training.trainer.schedules import build_scheduler
from nbdebug.training.trainer.state import Parts
from nbdebug.training.trainer.stopping import Stopping
from nbdebug.training.trainer.together import Together
from nbdebug.training.trainer.validation import Validation
from nbdebug.training_setup import TrainingSetup

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context


@dataclass
class Training:
    """All that takes part."""

    setup: TrainingSetup  # on this rank's device; its model is not wrapped
    updates: Updates
    data: Batches
    validation: Validation | None
    schedules: Sequence[Any]
    averaged: Averaged | None  # of the weights
    stopping: Stopping | None  # before the end
    parts: Parts
    together: Together
    total_steps: int | None  # None: nobody knows before the data ends


def assembled(setup: TrainingSetup, context: Context) -> Training:
    """Puts a training together.

    Raises:
        SetupError, ConfigError: what is missing, or does not fit.
    """
    config, together = context.config, Together(context)
    if setup.train_loader is None:
        raise SetupError("there is no data to train on: pass TrainingSetup(train_loader=...)")
    setup = _on_device(setup, context)
    own = setup.optimizers if config.optimizer is None and setup.optimizers else (build_optimizer(config, setup.model, setup.optimizers),)
    raw = setup.model
    setup = replace(setup, optimizer=own, model=compiled(raw, config.compile, context))
    mixing = Mixing(config)
    of_torch = all(type(one).__module__.startswith("torch.optim") for one in own)  # others may keep gradients as they are
    whole = context.wrap(Whole(setup, mixing if mixing.active else None), watched=False, views=of_torch)
    context.live.model, context.live.optimizers = raw, list(setup.optimizers)
    data = _training_data(setup, context, together)
    total = total_steps(context, data)
    schedules = _schedules(setup, context, total)
    others: dict[str, Any] = {f"optimizer{n}": one for n, one in enumerate(setup.optimizers)}
    others |= {f"schedule{n}": one for n, one in enumerate(schedules)}
    averaged = Averaged(raw, config.training.ema) if config.training.ema is not None else None
    stopping = Stopping(config.training.early_stopping) if config.training.early_stopping is not None else None
    others |= {"scaler": setup.scaler, "averaged": averaged, "stopping": stopping}
    others |= {"loss": setup.loss_fn if isinstance(setup.loss_fn, nn.Module) else None, "held": _held(whole)}
    validation = _validation(setup, context, together)
    seed_rank(config.seed, context.rank)  # each draws other numbers, as each has other samples
    return Training(setup, updates(setup, whole, config.training, together), data, validation, schedules, averaged, stopping, Parts(raw, others), together, total)


def total_steps(context: Context, data: Batches) -> int | None:
    """Optimizer steps of the whole training; None where the data does not know its length."""
    told = context.config.training
    if told.fast_dev_run:
        return 1
    by_epochs = None if told.epochs is None or data.length is None else told.epochs * -(-data.length // told.accumulate)
    known = [n for n in (told.max_steps, by_epochs) if n is not None]
    return min(known) if known else None


def _held(whole: nn.Module) -> nn.Module | None:
    """What the optimizers train beside model and loss."""
    inner = whole.module if isinstance(whole, nn.parallel.DistributedDataParallel) else whole
    return inner.others if len(inner.others) else None


def _on_device(setup: TrainingSetup, context: Context) -> TrainingSetup:
    """The setup with its model, its loss and what its optimizers hold on the device of this rank, in the precision that was asked for."""
    model = setup.model.to(context.device)
    recompute(model, context.config.training.checkpoint_activations)
    loss_fn = build_loss(context.config, setup.loss_fn, setup.train_loader, context.device)
    if isinstance(loss_fn, nn.Module):
        loss_fn.to(context.device)
    for optimizer in setup.optimizers:
        if optimizer.state:
            optimizer.load_state_dict(optimizer.state_dict())  # moves what it holds to where its parameters are
    scaler = None
    if context.precision == "16-mixed":
        scaler = setup.scaler if setup.scaler is not None and setup.scaler.is_enabled() else context.scaler
    _demand_dtype(model, context.precision)
    return replace(setup, model=model, loss_fn=loss_fn, device=context.device, precision=context.precision, scaler=scaler)


def _demand_dtype(model: nn.Module, precision: str) -> None:
    """"bf16-true" and its like are said of a model that already is so."""
    asked = {"64-true": torch.float64, "16-true": torch.float16, "bf16-true": torch.bfloat16}.get(precision)
    there = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
    if asked is not None and there is not None and there != asked:
        raise SetupError(f"precision is {precision}, and the model's weights are {str(there).removeprefix('torch.')}: build it with .to({asked})")


def _balanced(loader: Any) -> WeightedRandomSampler:
    """Draws as many samples as there are, of each class as many."""
    dataset = getattr(loader, "dataset", None)
    weights = draw_weights(dataset)
    return WeightedRandomSampler(weights, len(weights))


def _training_data(setup: TrainingSetup, context: Context, together: Together) -> Batches:
    config = context.config
    all_have = None if together.alone else lambda mine: together.sums(float(not mine))[0] == 0.0
    dealing = Dealing(context.rank, context.world_size, config.seed, config.training.accumulate, all_have=all_have)
    data = batches(setup.train_loader, dealing, config.data, sampler=_balanced(setup.train_loader) if config.data.balance else None)
    if context.is_main and context.world_size > 1:
        context.note(f"train_loader: {data.how}")
    return data


def _validation(setup: TrainingSetup, context: Context, together: Together) -> Validation | None:
    if setup.val_loader is None:
        return None
    dealing = Dealing(context.rank, context.world_size, context.config.seed, train=False)
    data = batches(setup.val_loader, dealing, context.config.data)
    metrics = Metrics(context.config, setup, together.group) if context.config.metrics else None
    return Validation(setup, data, together, metrics, context.config.seed, 1 if context.config.training.fast_dev_run else None)


def _schedules(setup: TrainingSetup, context: Context, total: int | None) -> Sequence[Any]:
    """One for each optimizer, or the setup's own, which know theirs."""
    first = build_scheduler(context.config, setup.optimizers[0], total, setup.schedulers)
    if isinstance(first, OwnSchedules):
        return [first]
    return [first, *(build_scheduler(context.config, one, total) for one in setup.optimizers[1:])]
