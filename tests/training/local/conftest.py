"""Runs of stand-in ranks, and the proof that nothing of them is left."""

from __future__ import annotations

import time

import psutil
import pytest

from nbdebug.training.folder import RunFolder
from nbdebug.training.local.engine import Engine
from nbdebug.training.local.plan import Plan
from tests.training.conftest import lives
from tests.training.local.ranks import MARK


@pytest.fixture
def engine(tmp_path):
    """Starts ranks that do what an entry says; whatever happens, they are ended."""
    made = []

    def start(entry, ranks=2, **options):
        changed = options.pop("changed", lambda: None)
        made.append(Engine(RunFolder.create(root=tmp_path), Plan(("cpu",) * ranks, "gloo", "", **options), entry=entry, changed=changed))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.kill()
        one.join(10.0)
    assert not workers(), "a worker was left behind"


def workers():
    """Processes that a stand-in rank started."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if MARK in " ".join(process.info["cmdline"] or ()):
            found.append(process.pid)
    return found


def gone(pids, seconds):
    """Whether all of them end within so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(map(lives, pids)):
            return True
        time.sleep(0.01)
    return False


def pids(one):
    return [rank.pid for rank in one.monitor.ranks_now() if rank.pid]
