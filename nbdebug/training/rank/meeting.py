"""The process group of a run: joined before the job, left after it."""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from nbdebug.training.rank import owners
from nbdebug.training.rank.spec import RankSpec


def meet(spec: RankSpec, timeout: float, *, by_torchrun: bool) -> None:
    """The process group: in the folder that the kernel made, or as torchrun says; none for a rank that has neither.

    Raises:
        LaunchError: another user of this machine has got into it.
    """
    if spec.device.startswith("cuda"):
        torch.cuda.set_device(spec.device)
    patience = timedelta(seconds=timeout)
    if by_torchrun:
        store: dist.Store = _of_this_start(spec, patience)
    elif spec.meeting:
        _tell_libraries(spec)
        store = dist.FileStore(str(Path(spec.meeting) / f"attempt-{spec.attempt}"), spec.world_size)
        store.set_timeout(patience)
    else:
        return
    if owners.on_one_machine() and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a host name that does not resolve is no obstacle
    with owners.of_one_user():
        dist.init_process_group(spec.backend, store=store, rank=spec.rank, world_size=spec.world_size, timeout=patience)


def _of_this_start(spec: RankSpec, patience: timedelta) -> dist.Store:
    """torchrun's store, apart from what earlier starts have left in it.

    torch itself puts all of them under the same keys, so that a rank which begins anew may find the address of one that is dead: "Connection
    refused". A node that joined or left starts all ranks without counting it as a restart; so they count themselves.
    """
    shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == str(True)
    store = dist.TCPStore(spec.store_host, spec.store_port, spec.world_size, is_master=not shared and spec.rank == 0, timeout=patience, multi_tenant=not shared)
    of_attempt = dist.PrefixStore(f"nbdebug {spec.attempt} of {spec.world_size}", store)
    start = (of_attempt.add("ranks", 1) - 1) // spec.world_size
    return dist.PrefixStore(f"start {start}", of_attempt)


def _tell_libraries(spec: RankSpec) -> None:
    """What torchrun would set, for those who read it; no address, for nothing listens."""
    told = {"RANK": spec.rank, "WORLD_SIZE": spec.world_size, "LOCAL_RANK": spec.local_rank, "LOCAL_WORLD_SIZE": spec.world_size}
    os.environ.update((name, str(value)) for name, value in told.items())


def part() -> None:
    """Leaves it, as far as the others are still there."""
    if dist.is_initialized():
        with contextlib.suppress(Exception):
            dist.destroy_process_group()
