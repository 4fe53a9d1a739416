"""A disk that is full or may not be written, and files that change under a run: the user is told, and nothing that was good is lost."""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import sys
from pathlib import Path

import pytest
import torch

import nbdebug
from nbdebug.errors import LaunchError
from nbdebug.training import checkpoint
from nbdebug.training.launching import launch
from nbdebug.training.local import server
from tests.training.conftest import wait_for
from tests.training.run import odd_trainings, trainings


def test_what_is_shipped_is_larger_than_the_disk(runs_dir):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(LaunchError, match="what is shipped to the ranks could not be written to .*job.pt: File too large"):
            launch(odd_trainings.large(), num_processes=2, preflight=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(runs_dir.iterdir()) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc, which nobody may write")
def test_runs_cannot_be_kept_where_nobody_may_write():
    with pytest.raises(LaunchError, match=r"no folder for the run can be made in /proc/self/runs \(.*\): say another one with runs_dir="):
        launch(trainings.steps, 1, runs_dir="/proc/self/runs")
    with pytest.raises(LaunchError, match="there are no runs in /proc/self/runs"):
        nbdebug.attach(runs_dir="/proc/self/runs")


def test_a_full_disk_costs_a_checkpoint_and_not_the_run(tmp_path, monkeypatch):
    full = tmp_path / "full"
    monkeypatch.setenv("FULL", str(full))
    run = launch(odd_trainings.large(), num_processes=2, epochs=10**6, **{"checkpoint.every_steps": 1, "checkpoint.keep_last": 2})
    wait_for(lambda: run.history.checkpoints or run.ended)
    full.touch()
    wait_for(lambda: any("File too large" in note for note in run.notes) or run.ended)
    with pytest.raises(LaunchError, match=r"the checkpoint of step \d+ was not written: .*File too large; step-\d+.pt is still there; the training goes on"):
        run.checkpoint(timeout=240)
    good, step = checkpoint.newest(run.folder), run.step
    wait_for(lambda: run.step > step + 5 or run.ended)
    assert run.state == "running" and good.refused == () and good.path.exists()
    full.unlink()
    written = len(run.history.checkpoints)
    wait_for(lambda: len(run.history.checkpoints) > written or run.ended)
    assert checkpoint.load(run.checkpoint(timeout=240))["step"] > step
    run.kill()
    assert launch(resume=run, max_steps=run.step + 5).wait(240).state == "done"


def test_a_folder_that_takes_nothing_any_more_costs_neither_the_run_nor_its_weights(tmp_path):
    """As when a disk becomes read-only; a file in its place is so for everybody."""
    setup = trainings.setup()
    run = launch(setup, num_processes=2, epochs=10**6, preflight=False)
    wait_for(lambda: run.history.checkpoints or run.ended)
    moved = run.folder.path.rename(tmp_path / "moved")
    run.folder.path.write_text("in its place")
    step = run.step
    wait_for(lambda: run.step > step + 40 or run.ended)
    with pytest.raises(LaunchError, match=r"the checkpoint of step \d+ was not written: .*Not a directory; there is none before it; the training goes on"):
        run.checkpoint(timeout=240)
    assert run.state == "running" and checkpoint.newest(moved).step > 0
    assert sum(note.startswith("the checkpoint of step") for note in run.notes) <= 2  # not one for each epoch
    wait_for(lambda: any("was removed while the run goes on" in note for note in run.notes))
    run.stop()
    run.wait(240)
    elsewhere = Path(run.result["weights_elsewhere"])
    trained = torch.load(elsewhere, weights_only=True)
    assert run.model is setup.model and all(torch.equal(value, trained[name]) for name, value in setup.model.state_dict().items())
    assert any(str(elsewhere) in note for note in run.notes) and run.logs() and run.report().result is not None
    shutil.rmtree(elsewhere.parent)


def test_a_folder_that_was_removed_is_begun_anew():
    run = launch(trainings.setup(), num_processes=2, epochs=10**6, preflight=False)
    wait_for(lambda: run.history.checkpoints or run.ended)
    wait_for(lambda: not shutil.rmtree(run.folder.path, ignore_errors=True) and not run.folder.run_json.exists())
    wait_for(lambda: any("was removed while the run goes on" in note for note in run.notes) or run.ended)
    path = run.checkpoint(timeout=240)
    assert checkpoint.load(path)["step"] > 0 and run.state == "running"
    wait_for(run.folder.run_json.exists)
    run.stop()
    assert run.wait(240).state == "interrupted" and nbdebug.runs()["state"].tolist() == ["interrupted"]


def test_a_checkpoint_that_is_asked_for_while_the_run_validates_is_known_as_such():
    run = launch(trainings.setup(batches=1), num_processes=2, epochs=10**6, preflight=False)
    wait_for(lambda: run.step > 2 or run.ended)
    paths = [run.checkpoint(timeout=240) for _ in range(5)]
    step = run.step
    wait_for(lambda: run.step > step + 20 or run.ended)
    assert all(path.exists() for path in paths)
    run.kill()


def test_a_module_that_was_edited_is_run_as_it_is_now_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    made_of = server.made_of()
    monkeypatch.setattr(server, "made_of", lambda: made_of)  # the server that is there stays; ranks get the path with the payload
    monkeypatch.syspath_prepend(str(tmp_path))
    written(tmp_path, 1, at=10**9)
    module = importlib.import_module("my_training")
    assert launch(module.train).wait(240).result == 1
    written(tmp_path, 2, at=10**9 + 60)
    stale = launch(module.train).wait(240)
    assert stale.result == 2 and [note.split(":")[0] for note in stale.notes] == ["my_training was edited since this kernel imported it"]
    again = launch(importlib.reload(module).train).wait(240)
    assert again.result == 2 and again.notes == []


def written(folder, result, at):
    path = folder / "my_training.py"
    path.write_text(f"def train(ctx):\n    return {result}\n")
    os.utime(path, (at, at))
