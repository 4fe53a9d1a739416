"""What no instrument asks: whether one update moves the parameters, the batch, the device, the seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader

from nbdebug import loading
from nbdebug.batch import batch_size
from nbdebug.counterfactual import in_training_mode, trainable
from nbdebug.errors import NbdebugError
from nbdebug.listening import plain_path
from nbdebug.page import Answer, Table
from nbdebug.stepping import update
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

SEEDS = 2**32  # a process that was never seeded begins with a random number of 64 bits (c10, getNonDeterministicRandom); a seed that one writes is smaller
FEW = 4  # samples a batch below which the statistics of a batch norm are mostly noise (Wu and He, Group Normalization, 2018)


@dataclass(frozen=True)
class Moved:
    """A parameter over one update."""

    name: str
    gradient: float | None  # RMS; None: none came
    before: float  # RMS
    change: float  # RMS


def facts(setup: TrainingSetup) -> Iterator[Answer]:
    """The answers, under the questions of `questions.LEVELS`; the session is as it was after each."""
    yield _parameters(setup)
    with untouched(setup):  # an iterator over a loader draws from torch's random numbers
        counted = _batch(setup)
    yield counted
    yield _device(setup)
    yield _seeds(setup)


def _parameters(setup: TrainingSetup) -> Answer:
    question = "do the parameters move?"
    if not setup.optimizers:
        return Answer(question, "not checked", "no optimizer was given")
    try:
        moved = one_update(setup)
    except (NbdebugError, RuntimeError) as error:
        return Answer(question, "not checked", f"one update could not be made: {error}")
    still = [m for m in moved if not m.change]
    rows = tuple((m.name, m.gradient, m.before, m.change, m.change / m.before if m.before else None) for m in moved)
    table = Table("one update", ("parameter", "gradient", "weight", "change", "change of weight"), rows, "root mean squares, over one batch")
    rates = [group.get("lr") for optimizer in setup.optimizers for group in optimizer.param_groups]
    if still and len(still) == len(moved) and not any(rates):
        return Answer(question, "info", "none: the learning rate is 0 now, as at the beginning of a warm-up", evidence=(table,))
    if still and len(still) == len(moved):
        return Answer(question, "error", f"none of {len(moved)} moved in one update", evidence=(table,))
    if still:
        names = ", ".join(m.name for m in still[:3]) + " …" * (len(still) > 3)
        return Answer(question, "info", f"{len(moved) - len(still)} of {len(moved)} moved in one update; not {names}", evidence=(table,))
    return Answer(question, "sound", f"all {len(moved)} moved in one update", evidence=(table,))


def one_update(setup: TrainingSetup) -> list[Moved]:
    """What one update with the user's optimizer does to each trainable parameter; afterwards all is as it was."""
    with untouched(setup, weights=True):
        in_training_mode(setup)
        parameters = [(plain_path(name), p) for name, p in trainable(setup.model)]
        before = [p.detach().clone() for _, p in parameters]
        batch = loading.first_batch(setup.train_loader)
        loss = setup.loss(batch)
        if not loss.requires_grad:
            return [Moved(name, None, _rms(old), 0.0) for (name, _), old in zip(parameters, before, strict=True)]
        for optimizer in setup.optimizers:
            optimizer.zero_grad(set_to_none=True)
        setup.backward(loss)
        gradients = [None if p.grad is None else _rms(p.grad) / setup.scale() for _, p in parameters]
        update(setup, lambda: setup.loss(batch))
        return [
            Moved(name, gradient, _rms(old), _rms(p.detach() - old))
            for (name, p), gradient, old in zip(parameters, gradients, before, strict=True)
        ]


def _rms(tensor: torch.Tensor) -> float:
    dense = tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach()
    return float(dense.abs().double().square().mean().sqrt()) if dense.numel() else 0.0


def _batch(setup: TrainingSetup) -> Answer:
    question = "is the batch size right?"
    try:
        size = batch_size(loading.first_batch(setup.train_loader))
    except NbdebugError as error:
        return Answer(question, "not checked", str(error))
    norms = [plain_path(name) for name, m in setup.model.named_modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm) and m.training]
    try:
        batches = len(setup.train_loader)  # type: ignore[arg-type]
    except TypeError:
        batches = None
    rows = (("samples a batch", size), ("batches an epoch", batches), ("batch norms in train mode", len(norms)))
    table = Table("the batch", ("", "number"), rows, "nbdebug.batch_size says which sizes fit, and which is fastest")
    if size is not None and size < FEW and norms:
        words = f"{size} a batch under {len(norms)} batch norms, whose statistics are then mostly noise"
        return Answer(question, "warning", words, evidence=(table,))
    known = f"{size} samples a batch" if size is not None else "the samples of a batch cannot be counted"
    return Answer(question, "sound", known + (f", {batches:,} batches an epoch" if batches is not None else ""), evidence=(table,))


def _device(setup: TrainingSetup) -> Answer:
    question = "is the device used?"
    devices = sorted({str(t.device) for t in (*setup.model.parameters(), *setup.model.buffers())})
    accelerator = str(torch.accelerator.current_accelerator() or "") if torch.accelerator.is_available() else ""
    loader = setup.train_loader
    pinned = loader.pin_memory if isinstance(loader, DataLoader) else None
    rows = (("the model", ", ".join(devices) or "no tensor"), ("batches go to", str(setup.device)), ("accelerator of this machine", accelerator or "none"), ("pinned memory", pinned))
    table = (Table("where things lie", ("", "device"), rows),)
    if accelerator and not any(device.startswith(accelerator) for device in devices):
        return Answer(question, "warning", f"the model lies on {', '.join(devices)}, and {accelerator} stands idle: model.to({accelerator!r})", evidence=table)
    if not accelerator:
        return Answer(question, "sound", f"{', '.join(devices)}; this machine has no accelerator", evidence=table)
    return Answer(question, "sound", ", ".join(devices), evidence=table)


def _seeds(setup: TrainingSetup) -> Answer:
    question, seed = "are the seeds fixed?", torch.initial_seed()
    generator = getattr(setup.train_loader, "generator", None)
    own = f"its own, seeded with {generator.initial_seed()}" if isinstance(generator, torch.Generator) else "torch's"
    rows = (("torch", "never seeded" if seed >= SEEDS else f"seeded with {seed}"), ("train_loader draws from", own))
    table = (Table("random numbers", ("", "state"), rows, "whether Python's and NumPy's were seeded cannot be seen; nbdebug.seed_everything(0) seeds all three"),)
    if seed >= SEEDS:
        return Answer(question, "info", "torch was never seeded here: nbdebug.seed_everything(0) before the model is built", evidence=table)
    return Answer(question, "sound", f"torch was seeded with {seed}", evidence=table)
