"""Runs in a folder of their own; none of them outlives its test."""

from __future__ import annotations

import time

import pytest

from nbdebug.training.local import engine, server


@pytest.fixture(autouse=True)
def runs_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("NBDEBUG_RUNS", str(tmp_path / "runs"))
    yield tmp_path / "runs"
    for one in list(engine._running):
        one.kill()
        one.join(10.0)


@pytest.fixture(scope="session", autouse=True)
def _no_server_is_left():
    yield
    with server._lock:
        if server._current is not None:
            server.retire(server._current)


def wait_for(true, seconds=60.0):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)
