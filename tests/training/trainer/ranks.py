"""Ranks for the tests: plain processes that meet by a file and train one of the trainings below."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nbdebug.training import checkpoint
from nbdebug.training.config import read_config
from nbdebug.training.folder import RunFolder
from nbdebug.training.rank.context import Context
from nbdebug.training.rank.spec import RankSpec
from nbdebug.training.trainer import train
from nbdebug.training_setup import TrainingSetup

SAMPLES, FEATURES = 53, 6
PATIENCE = 240.0  # seconds: a machine that is busy otherwise is no mistake of theirs


class Augmented(Dataset[Any]):
    """Samples with noise from every generator that a dataset may draw from."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> Any:
        x = torch.full((FEATURES,), index / SAMPLES) + 0.1 * torch.randn(FEATURES)
        return x + 0.1 * random.random() + 0.1 * float(np.random.rand()), index % 3


def data() -> TensorDataset:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(SAMPLES, FEATURES, generator=draw)
    return TensorDataset(x, (x.sum(1) > 0).long() + (x[:, 0] > 0).long())


def net(*, norm: bool = False) -> nn.Module:
    torch.manual_seed(0)
    middle: list[nn.Module] = [nn.BatchNorm1d(12)] if norm else []
    return nn.Sequential(nn.Linear(FEATURES, 12), *middle, nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 3))


def plain(dataset: Any = None, *, workers: int = 0, norm: bool = False, batch_size: int = 4, **options: Any) -> TrainingSetup:
    model, dataset = net(norm=norm), data() if dataset is None else dataset
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True, num_workers=workers, **options)
    return TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), 1e-2), loader, DataLoader(data(), batch_size=5))


def augmented() -> TrainingSetup:
    return plain(Augmented(), workers=2)


def normed() -> TrainingSetup:
    return plain(norm=True, batch_size=5)


def scheduled() -> TrainingSetup:
    setup = plain()
    return TrainingSetup(
        setup.model, setup.loss_fn, setup.optimizer, setup.train_loader, setup.val_loader,
        scheduler=[torch.optim.lr_scheduler.OneCycleLR(setup.optimizers[0], 1e-2, total_steps=60), torch.optim.lr_scheduler.ReduceLROnPlateau(setup.optimizers[0], patience=0)],
    )  # fmt: skip


def alone(make: Callable[[], TrainingSetup], folder: Path, resume: Path | None = None, **told: Any) -> dict[str, Any]:
    """One rank, in this process."""
    setup, config = make(), read_config(**told)
    folder.mkdir(exist_ok=True)
    state = checkpoint.load(resume) if resume is not None else None
    context = Context.alone(config, folder, precision=setup.precision, resume=state)
    try:
        return train(setup, context)
    finally:
        context.sender.close()


def together(world_size: int, make: Callable[[], TrainingSetup], folder: Path, resume: Path | None = None, *, job: Callable[..., Any] = train, **told: Any) -> None:
    """Several ranks, each a process; raises what the first of them raised.

    Args:
        job: called in each rank with setup and context.
    """
    folder.mkdir(exist_ok=True)
    context = torch.multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torch.distributed", "torch._dynamo", "torch.nn.parallel.distributed"])
    failed = context.SimpleQueue()
    arguments = (world_size, make, str(folder), str(resume) if resume is not None else None, job, told, failed)
    processes = [context.Process(target=_rank, args=(rank, *arguments), daemon=False) for rank in range(world_size)]
    for process in processes:
        process.start()
    until = time.monotonic() + PATIENCE
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
    late = [rank for rank, process in enumerate(processes) if process.is_alive()]  # what the others say when these are killed is only an echo
    for process in processes:
        process.kill()
        process.join()
    assert late == [], f"ranks {late} were not done within {PATIENCE} s"
    if not failed.empty():
        raise RuntimeError(failed.get())
    assert [process.exitcode for process in processes] == [0] * world_size


def _rank(rank: int, world_size: int, make: Any, folder: str, resume: str | None, job: Any, told: dict[str, Any], failed: Any) -> None:
    torch.set_num_threads(1)
    torch.multiprocessing.set_start_method("fork", force=True)  # of DataLoader workers, as a rank has it
    meeting = Path(folder) / f"meeting-{resume is not None}"
    try:
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=world_size, timeout=timedelta(seconds=PATIENCE))
        setup = make()
        state = checkpoint.load(resume) if resume is not None else None
        context = Context(RankSpec(folder, rank, world_size, rank), read_config(**told), precision=setup.precision, resume=state)
        job(setup, context)
        context.sender.close()
        dist.destroy_process_group()
    except BaseException:
        failed.put(traceback.format_exc())
        raise


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(RunFolder(folder).weights, weights_only=True)


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Bit for bit."""
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def said(folder: Path, kind: str, rank: int = 0) -> list[dict[str, Any]]:
    return [dict(event) for event in RunFolder(folder).said(rank) if event["k"] == kind]
