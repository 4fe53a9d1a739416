"""Runs in a folder of their own; none of them outlives its test."""

from __future__ import annotations

import time

import psutil
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


def lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(true, seconds=240.0):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)


TRIES = 3
WORK = 0.05  # seconds of CPU


def demand_within(promised, seconds, most):
    """One of several tries takes no longer than is promised, and none longer than `most`; on a machine that is busy otherwise each second counts for less."""
    took = []
    while len(took) < TRIES and not any(one < promised for one in took):
        took.append(seconds() / slowed())
        assert took[-1] < most, took
    assert min(took) < promised, took


def slowed():
    """How many times longer work takes now than on a machine that does nothing else: wall clock over CPU time."""
    began, used = time.perf_counter(), time.process_time()
    while time.process_time() - used < WORK:
        pass
    return max(1.0, (time.perf_counter() - began) / WORK)
