"""One thread, so that numbers come out the same everywhere; and what belongs together stays on one worker."""

from __future__ import annotations

from typing import Any

import pytest
import torch

torch.set_num_threads(1)
collect_ignore = ["ray"]  # make test-ray, which names it


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out single tests, so that a long file does not keep one worker busy while the other waits."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            if file.startswith("tests/browser/"):
                return "tests/browser"  # one server for all
            return file if file.endswith(".ipynb") else nodeid  # the cells of a notebook share a kernel

    return Scheduler(config, log)
