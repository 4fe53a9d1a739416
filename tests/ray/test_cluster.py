"""A cluster that is there already takes a run, and goes on after it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

import psutil
import pytest
import torch

import nbdebug
from tests.ray.conftest import STARTS
from tests.training.conftest import wait_for
from tests.training.run import trainings

RAY = [sys.executable, "-m", "ray.scripts.scripts"]


@pytest.fixture
def cluster():
    """The address of a head with two cores, on the loopback."""
    temporary = tempfile.mkdtemp(prefix="cluster-")  # short: sockets are in it
    told = {**os.environ, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    port = 20000 + os.getpid() % 10000
    command = [*RAY, "start", "--head", "--block", f"--port={port}", "--num-cpus=2", "--include-dashboard=false", f"--temp-dir={temporary}", "--disable-usage-stats"]
    head = subprocess.Popen(command, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert head.stdout is not None
    assert any("Ray runtime started" in line for line in head.stdout)
    yield f"127.0.0.1:{port}"
    for process in [*psutil.Process(head.pid).children(recursive=True), psutil.Process(head.pid)]:
        process.kill()
    head.wait()
    shutil.rmtree(temporary, ignore_errors=True)


def test_a_cluster_trains_stops_and_stays(cluster, monkeypatch):
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    setup, plain = trainings.setup(), trainings.setup()
    run = nbdebug.launch(setup, epochs=2, num_processes=2, engine="ray", address=cluster)
    run.wait(STARTS)
    assert run.state == "done", run
    nbdebug.launch(plain, epochs=2, num_processes=2, wait=True)
    assert all(torch.equal(a, b) for a, b in zip(plain.model.parameters(), setup.model.parameters(), strict=True))
    endless = nbdebug.launch(trainings.setup(), epochs=10**6, num_processes=2, engine="ray", address=cluster)
    wait_for(lambda: endless.step or endless.ended, STARTS)
    ranks = [psutil.Process(rank.pid) for rank in endless.ranks]
    endless.kill()
    endless.wait(60)
    assert endless.state == "interrupted"
    wait_for(lambda: not any(rank.is_running() for rank in ranks), 20)
    assert subprocess.run([*RAY, "status", f"--address={cluster}"], capture_output=True, timeout=120).returncode == 0
