"""One thread, so that numbers come out the same everywhere; and what belongs together stays on one worker."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

collect_ignore = ["ray"]  # make test-ray, which names it
TOGETHER = ("tests/browser/", "tests/notebook/")  # one server, one kernel


def pytest_pycollect_makemodule() -> None:
    """Before a file of tests is imported, which xdist's own process never does: there, importing torch would only cost seconds."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    from nbdebug.seeding import seed_torch

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

        def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
            """Forgets what is done: after each test xdist counts through all that the worker was ever given."""
            scope = self._split_scope(self.registered_collections[node][item_index])
            given = self.assigned_work[node]
            super().mark_test_complete(node, item_index, duration)
            if all(given[scope].values()):
                del given[scope]

        def remove_node(self, node: Any) -> str | None:
            """The test that a worker died of; xdist would hand it to the next one, and to the next."""
            given = self.assigned_work[node]
            for scope, tests in given.items():
                for test, done in tests.items():
                    if not done:
                        tests[test] = True
                        self.assigned_work[node] = {s: left for s, left in given.items() if s != scope or not all(tests.values())}
                        super().remove_node(node)
                        return test
            return super().remove_node(node)

        def _reschedule(self, node: Any) -> None:
            """Not a worker that took a dead one's place and still collects: xdist ends with a KeyError there."""
            if node in self.registered_collections:
                super()._reschedule(node)

    return Scheduler(config, log)


@functools.cache
def _shares(file: Path) -> bool:
    """Whether the tests of this file share something that each worker would have to make for itself."""
    return file.suffix == ".ipynb" or 'scope="module"' in file.read_text(encoding="utf-8")
