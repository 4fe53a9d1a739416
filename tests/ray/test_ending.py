"""However a run through Ray ends, nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
import time

import psutil
import pytest
import torch

import nbdebug
from nbdebug.errors import RankFailed
from tests.ray.conftest import STARTS, below, command, temporary
from tests.training.conftest import wait_for
from tests.training.run import trainings
from tests.training.run.notebook import Notebook, seconds_until_gone

SOON = 10.0  # seconds, for an interpreter to end on a machine that has too much to do; then Ray is killed
ENDLESS = 10**6


def listening(processes: list[psutil.Process]) -> set[str]:
    """The addresses on which they wait for others."""
    return {c.laddr.ip.removeprefix("::ffff:") for process in processes for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}


def stepped(**options):
    """A run through Ray that trains."""
    run = nbdebug.launch(trainings.setup(), epochs=ENDLESS, num_processes=2, engine="ray", **options)
    wait_for(lambda: run.step or run.ended, STARTS)
    assert not run.ended, run
    return run


def test_a_stop_ends_everything_soon():
    before = temporary()
    run = stepped()
    processes = below(run)
    assert sum("ray_rank" in command(process) for process in processes) == 2 and len(temporary() - before) == 1
    assert listening(processes) == {"127.0.0.1"}
    assert run.snapshot(rank=1).step > 0
    began = time.monotonic()
    run.stop("enough")
    run.wait(60)
    assert time.monotonic() - began < SOON and seconds_until_gone(processes, 1) < 1
    assert run.state == "interrupted" and run.trouble == "enough" and not run.folder.about()["forced"]
    assert temporary() == before and list(run.folder.checkpoints.glob("step-*.pt"))


def test_ray_is_killed():
    run = stepped()
    processes = below(run)
    driver = next(process for process in processes if "ray_driver" in command(process))
    driver.kill()
    with pytest.raises(RankFailed, match="Ray was killed by SIGKILL|rank . was killed by SIGKILL"):
        run.wait(60)
    assert seconds_until_gone(processes, 1) < 1


def test_what_looks_after_ray_is_killed():
    run = stepped()
    processes = below(run)
    processes[0].kill()
    with pytest.raises(RankFailed, match="the process that looked after this run ended with exit code -9"):
        run.wait(60)
    assert seconds_until_gone(processes, 30) < 30


def test_the_kernel_is_killed(tmp_path):
    notebook = Notebook(tmp_path / "runs")
    notebook.cell("from tests.training.run import trainings")
    try:
        notebook.begin(f"nbdebug.launch(trainings.setup(), epochs={ENDLESS}, num_processes=2, engine='ray', wait=True)")
        wait_for(lambda: list(notebook.runs.glob("*/run.json")), 60)
        run = nbdebug.attach(notebook.folder().path)
        wait_for(lambda: run.step, STARTS)
        processes = below(run)
        os.kill(notebook.pid, signal.SIGKILL)
        assert seconds_until_gone(processes, 10) < 10
    finally:
        notebook.close()
    run.wait(10)
    assert run.state == "interrupted" and run.trouble == "the kernel is gone"


def test_a_rank_that_is_killed_begins_again_at_its_checkpoint():
    plain = trainings.setup()
    nbdebug.launch(plain, epochs=60, num_processes=2, wait=True)
    setup = trainings.setup()
    run = nbdebug.launch(setup, epochs=60, num_processes=2, engine="ray", restarts=1, config={"checkpoint": {"every_steps": 5}})
    wait_for(lambda: list(run.folder.checkpoints.glob("step-*.pt")) or run.ended, STARTS)
    pid = next(event["pid"] for event in run.folder.said(1) if event["k"] == "hello")
    os.kill(pid, signal.SIGKILL)
    run.wait(STARTS)
    assert run.state == "done" and run.folder.about()["attempt"] == 1
    exits = [json.loads(line) for line in (run.folder.path / "ray-exits.jsonl").read_text().splitlines()]
    assert {"r": 1, "a": 0, "code": -9} in exits
    assert all(torch.equal(a, b) for a, b in zip(plain.model.parameters(), setup.model.parameters(), strict=True))
