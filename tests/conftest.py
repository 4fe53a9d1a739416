"""One thread, so that numbers come out the same everywhere; and what belongs together stays on one worker."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

from nbdebug.seeding import seed_torch

torch.set_num_threads(1)
collect_ignore = ["ray"]  # make test-ray, which names it
TOGETHER = ("tests/browser/", "tests/notebook/")  # one server, one kernel


@pytest.fixture(autouse=True)
def _seeded() -> None:
    seed_torch(0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out single tests, so that a long file does not keep one worker busy while the other waits."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            if (folder := next(filter(file.startswith, TOGETHER), None)) is not None:
                return folder
            return file if _shares(config.rootpath / file) else nodeid

    return Scheduler(config, log)


@functools.cache
def _shares(file: Path) -> bool:
    """Whether the tests of this file share something that each worker would have to make for itself."""
    return file.suffix == ".ipynb" or 'scope="module"' in file.read_text(encoding="utf-8")
