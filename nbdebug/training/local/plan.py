"""How the processes of a run are started: plain values, so that another process can do it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nbdebug.training.folder import RunFolder
from nbdebug.training.rank.spec import RankSpec


@dataclass(frozen=True)
class Plan:
    """Settled before any process starts."""

    devices: tuple[str, ...]  # one a rank
    backend: str
    digest: str  # of the payload
    start_method: str = "auto"
    grace: float = 10.0  # seconds
    restarts: int = 0
    threads: int = 1  # of each rank
    timeout: float = 300.0  # seconds that a collective may take
    called_at: float = 0.0
    imports: tuple[str, ...] = ()  # what ranks need besides that is slow to import, once for all of them

    @property
    def world_size(self) -> int:
        return len(self.devices)

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Plan:
        known = {field.name: plain[field.name] for field in fields(cls) if field.name in plain}
        return cls(**{**known, "devices": tuple(known["devices"]), "imports": tuple(known.get("imports", ()))})

    def spec(self, folder: RunFolder, rank: int, attempt: int, meeting: Path) -> RankSpec:
        """What one rank is told."""
        return RankSpec(
            str(folder.path), rank, self.world_size, rank, attempt, self.backend, self.devices[rank],
            meeting=str(meeting), kernel_pid=os.getpid(), called_at=self.called_at, digest=self.digest, environment=environment(self.threads),
        )  # fmt: skip


def environment(threads: int) -> dict[str, str]:
    """Of a rank: the kernel's as it is now, its share of the cores, and the loopback for what listens.

    By itself gloo listens on the interface that the machine's name leads to, if it leads anywhere.
    """
    told = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    if sys.platform in ("linux", "darwin"):
        loopback = "lo" if sys.platform == "linux" else "lo0"
        told = {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback, **told}
    return told
