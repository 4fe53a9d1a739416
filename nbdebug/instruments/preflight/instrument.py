"""Looks at a training as it will be in several processes, and starts none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nbdebug.batch import batch_size as samples_of
from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import NbdebugError
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.preflight.memory import estimated, kept_for_backward
from nbdebug.instruments.preflight.result import Normed, Preflight, Unreached
from nbdebug.instruments.preflight.sharing import shared
from nbdebug.listening import plain_path
from nbdebug.loading import first_batches
from nbdebug.training_setup import TrainingSetup


@instrument("train_loader", title="preflight", level="code", result=Preflight)
def preflight(
    setup: TrainingSetup, *, num_processes: int = 2, batch_size: int | None = None, accumulate: int = 1, batches: int = 3,
    find_unused_parameters: bool = False, sync_batch_norm: bool = False,
) -> Iterator[Preflight]:  # fmt: skip
    """What the training would meet in several processes: parameters that a batch leaves out, samples that are divided twice, statistics of tiny batches.

    `nbdebug.launch` asks it before it starts a process. Nothing is trained, and no process is started.

    Args:
        num_processes: of the run.
        batch_size: samples of one rank's batch; None: the loader's own.
        accumulate: batches of a rank that make an update.
        batches: that are passed.
        find_unused_parameters: whether the ranks look for parameters that a batch leaves out, as `training.find_unused_parameters` says.
        sync_batch_norm: whether batch-norm layers take their statistics over all ranks, as `training.sync_batch_norm` says.
    """
    demand_at_least(1, num_processes=num_processes, accumulate=accumulate, batches=batches)
    in_training_mode(setup)
    own = batch_size if batch_size is not None else _size(setup.train_loader)
    found = Preflight(num_processes, own, accumulate, 0, whole=not find_unused_parameters, synced=sync_batch_norm and setup.device.type == "cuda")  # type: ignore[union-attr]
    found = replace(found, norms=tuple(_norms(setup.model, own)), memory=estimated(setup, num_processes), **_shared(setup, num_processes))
    yield found
    try:
        given = first_batches(setup.train_loader, batches)  # type: ignore[arg-type]
        own = own if own is not None else samples_of(given[0])
        activations = 0
        seen: list[dict[str, bool]] = []
        for batch in given:
            with kept_for_backward() as kept:
                loss = setup.loss(batch)
            activations = max(activations, kept.bytes)
            seen.append(_reached(setup, loss))
    except NbdebugError as error:
        yield replace(found, untried=str(error))
        return
    memory = replace(found.memory, activations=activations) if found.memory is not None else None
    yield replace(found, batch_size=own, batches=len(given), unreached=tuple(_unreached(seen)), norms=tuple(_norms(setup.model, own)), memory=memory)


def _size(loader: Any) -> int | None:
    size = getattr(loader, "batch_size", None) or getattr(getattr(loader, "batch_sampler", None), "batch_size", None)
    return size if isinstance(size, int) else None


def _shared(setup: TrainingSetup, processes: int) -> dict[str, Any]:
    if processes == 1:
        return {}
    found, why = shared(setup.train_loader)
    return {"shared": found, "unread": why}


def _reached(setup: TrainingSetup, loss: Tensor) -> dict[str, bool]:
    """Name of each trainable parameter → whether the loss depends on it."""
    parts = {"": setup.model} | ({"loss_fn.": setup.loss_fn} if isinstance(setup.loss_fn, nn.Module) else {})
    named = {prefix + plain_path(name): p for prefix, part in parts.items() for name, p in part.named_parameters() if p.requires_grad}
    if not named or not loss.requires_grad:
        return dict.fromkeys(named, False)
    gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {name: gradient is not None for name, gradient in zip(named, gradients, strict=True)}


def _unreached(seen: list[dict[str, bool]]) -> Iterator[Unreached]:
    counts = Counter(name for reached in seen for name, is_reached in reached.items() if not is_reached)
    for name in seen[0]:
        if counts[name]:
            yield Unreached(name, counts[name])


def _norms(model: nn.Module, samples: int | None) -> Iterator[Normed]:
    for path, module in model.named_modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm) and module.training and samples is not None:
            yield Normed(plain_path(path), type(module).__name__, samples)
