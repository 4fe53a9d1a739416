"""What a rank's process must know before it reads anything else; the same whoever starts it (kernel, torchrun)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RankSpec:
    """Plain values, so that the process starts without unpickling anything of the user's."""

    folder: str  # of the run
    rank: int
    world_size: int
    local_rank: int
    attempt: int = 0  # counts restarts
    backend: str = "gloo"
    device: str = "cpu"  # "cuda:1"
    meeting: str = ""  # folder where the ranks of one machine meet; empty: each on its own, or as torchrun says
    store_host: str = ""  # of torchrun's
    store_port: int = 0
    kernel_pid: int = 0  # whose death ends this process; 0: nobody's
    called_at: float = 0.0  # time.time() of the call, for "first_step"
    digest: str = ""  # sha256 of the payload
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_torchrun(cls, folder: str) -> RankSpec:
        """From the environment that torchrun sets."""
        told = os.environ
        return cls(
            folder, int(told["RANK"]), int(told["WORLD_SIZE"]), int(told["LOCAL_RANK"]), int(told.get("TORCHELASTIC_RESTART_COUNT", 0)),
            store_host=told["MASTER_ADDR"], store_port=int(told["MASTER_PORT"]),
        )  # fmt: skip
