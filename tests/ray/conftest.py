"""Runs in a folder of their own; nothing of Ray outlives its test."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil
import pytest

STARTS = 400.0  # seconds; measured: 16 to 20 on a machine that does nothing else, 150 on one that does four times as much as it can


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("NBDEBUG_RUNS", str(tmp_path / "runs"))
    before = rays()
    yield
    until = time.monotonic() + 10.0
    while left := [process for process in rays() if process not in before]:
        if time.monotonic() > until:
            for process in left:
                process.kill()
            pytest.fail(f"Ray was left: {left}")
        time.sleep(0.1)


def rays() -> list[psutil.Process]:
    """All that belongs to a Ray of a run, with what looks after it and its ranks."""
    found = []
    for process in psutil.process_iter():
        if any(word in command(process) for word in ("ray_keeper", "ray_driver", "ray_rank", "nbdebug-ray-")):
            found.append(process)
    return found


def below(run) -> list[psutil.Process]:
    """What looks after a run, and everything that lives below it."""
    keeper = psutil.Process(run.folder.about()["keeper"]["pid"])
    return [keeper, *(process for process in keeper.children(recursive=True) if command(process))]


def command(process: psutil.Process) -> str:
    """How it was called; nothing when it lives no more."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def temporary() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("nbdebug-ray-*"))
