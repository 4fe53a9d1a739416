"""Real ranks of a small job, started as a launch starts them, without anything that looks after them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from nbdebug.training import payload
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import FUNCTION, Job
from nbdebug.training.local import ending, server, start, store
from nbdebug.training.rank.entry import main
from nbdebug.training.rank.spec import RankSpec


@dataclass
class Ranks:
    """The ranks of one run, and what they have said."""

    folder: RunFolder
    started: list[start.Started]
    heard: list[dict[str, Any]] = field(default_factory=list)

    def listen(self, until: Callable[[Ranks], bool], limit: float = 240.0) -> None:
        """Reads until something is so."""
        end = time.monotonic() + limit
        while not until(self):
            assert time.monotonic() < end, f"nothing came of it: {self.heard[-3:]}"
            for one in self.started:
                self.heard += one.line.read()
            time.sleep(0.005)

    def wait(self, limit: float = 240.0) -> None:
        """Until all processes are gone."""
        self.listen(lambda ranks: not any(one.process.is_alive() for one in ranks.started), limit)
        for one in self.started:
            self.heard += one.line.read()

    def tell(self, **message: Any) -> None:
        for one in self.started:
            one.line.send({"v": 1, **message})

    def of(self, kind: str, rank: int | None = None) -> list[dict[str, Any]]:
        return [event for event in self.heard if event["k"] == kind and rank in (None, event["r"])]

    @property
    def pids(self) -> list[int]:
        return [one.process.pid for one in self.started]


@contextmanager
def ranks(folder: Path, train: Callable[..., Any], world_size: int = 2, *, method: str = "forkserver", job: Job | None = None, **told: Any) -> Iterator[Ranks]:
    """Ranks that run `train(ctx)`; whatever is left of them is killed."""
    run = RunFolder.create("test", folder)
    digest = payload.write(run, job or Job(FUNCTION, train, "seed: 0\nlaunch: {timeout: 240}\n")).digest
    spec = RankSpec(str(run.path), 0, world_size, 0, kernel_pid=os.getpid(), called_at=time.time(), digest=digest, environment={"OMP_NUM_THREADS": "1"})
    forks = server.lent() if method == "forkserver" else None
    met = store.Store()
    spec = replace(spec, **{"meeting": str(met.path), **told})
    started = [start.start_rank(main, replace(spec, rank=rank, local_rank=rank), forks) for rank in range(world_size)]
    try:
        yield Ranks(run, started)
    finally:
        for one in started:
            end(one.process.pid)
            one.process.join(5)
            one.line.close()
        met.close()
        if forks is not None:
            server.back(forks)


def end(pid: int) -> None:
    for process in ending.descendants(pid):
        with suppress(psutil.NoSuchProcess):
            process.kill()
