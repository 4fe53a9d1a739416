"""A rank that torchrun started; since nobody else looks after the run, the first rank keeps run.json."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from nbdebug.training import following
from nbdebug.training.failure import of_errors
from nbdebug.training.folder import RunFolder
from nbdebug.training.monitor import DONE, INTERRUPTED, RUNNING
from nbdebug.training.rank.entry import main
from nbdebug.training.rank.spec import RankSpec
from nbdebug.training.record.writers import mlflow


def train(path: str | Path) -> None:
    """All of a rank of the run in this folder; does not return after an error."""
    folder = RunFolder(Path(path))
    spec, began = of_torchrun(folder), time.time()
    if spec.rank == 0:
        devices = [spec.device] * spec.world_size
        folder.tell(
            state=RUNNING, attempt=spec.attempt, failure=None, keeper=following.keeper(os.getppid()), plan={**folder.about().get("plan", {}), "devices": devices}
        )
        if not spec.attempt and "exported_from" in folder.about() and (trouble := mlflow.of_exported(folder)):
            print(trouble, flush=True)
    try:
        main(spec)
    except SystemExit:
        failure = of_errors(_said(folder, spec.rank, "error", began))
        if failure is not None and not all(event.get("secondary") for event in _said(folder, spec.rank, "error", began)):
            folder.tell(failure=failure.plain())
        raise
    if spec.rank == 0:
        stopping = _said(folder, 0, "stopping", began)
        done = _said(folder, 0, "done", began)
        folder.tell(
            state=INTERRUPTED if stopping else DONE, reason=stopping[0].get("reason", "") if stopping else "", ended=time.time(),
            step=done[-1].get("step", 0) if done else 0,
        )  # fmt: skip


def of_torchrun(folder: RunFolder) -> RankSpec:
    """The rank that this process is to be, on a GPU where there is one and the run was planned for it."""
    import torch

    spec, plan = RankSpec.of_torchrun(str(folder.path)), folder.about().get("plan", {})
    gpus = torch.cuda.is_available() and not any(device == "cpu" for device in plan.get("devices", ()))
    device, backend = (f"cuda:{spec.local_rank}", plan.get("backend", "nccl")) if gpus else ("cpu", "gloo")
    agent = psutil.Process(os.getppid())
    return replace(spec, kernel_pid=agent.pid, device=device, backend=backend, digest=str(plan.get("digest", "")), called_at=agent.create_time())


def _said(folder: RunFolder, rank: int, kind: str, since: float) -> list[Any]:
    return [event for event in folder.said(rank) if event.get("k") == kind and float(event.get("t", 0.0)) >= since]
