"""The record of runs that were really launched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import nbdebug
from nbdebug.training import run as known_runs
from nbdebug.training.record import writing
from tests.training.conftest import wait_for
from tests.training.run import trainings

ROOT = Path(__file__).parents[3]


def test_record_table_and_curves_of_two_ranks_agree(runs_dir):  # noqa: F811
    good = nbdebug.launch(trainings.setup(), num_processes=2, epochs=3, precision="bf16-mixed", log={"every_steps": 1}, name="good").wait(240)
    bad = nbdebug.launch(trainings.setup(), num_processes=2, epochs=3, precision="bf16-mixed", log={"every_steps": 1}, name="bad", lr=0.5).wait(240)
    table = nbdebug.runs().set_index("name")
    assert list(table.index) == ["bad", "good"] and set(table["state"]) == {"done"} and set(table["processes"]) == {2}
    last = good.metrics.iloc[-1]
    assert table.loc["good", "loss"] == good.metrics["loss"].dropna().iloc[-1] and table.loc["good", "val_loss"] == last["val_loss"]
    assert table.loc["good", "precision"] == "bf16-mixed" and table.loc["good", "step"] == good.step

    accumulator = EventAccumulator(str(good.folder.tensorboard))
    accumulator.Reload()
    told = {one.step: one.value for one in accumulator.Scalars("loss")}
    expected = good.metrics.dropna(subset=["loss"]).set_index("step")["loss"]
    assert set(told) == set(expected.index) and all(abs(told[step] - expected[step]) < 1e-5 for step in told)
    assert len(accumulator.Scalars("val_loss")) == 3

    report = nbdebug.compare_runs(good, bad)
    assert report.result.changes[0].what == "optimizer.lr" and "acts through the update" in report.result.sentence
    known_runs.known.clear()  # as in a new kernel
    again = nbdebug.compare_runs(good.id, bad.id)
    assert again.result == report.result


def test_what_a_factory_makes_is_not_in_the_record_and_that_is_said(runs_dir):  # noqa: F811
    a, b = (nbdebug.launch(trainings.make, epochs=1, lr=lr).wait(240) for lr in (0.1, 0.2))
    result = nbdebug.compare_runs(a, b).result
    assert [change.what for change in result.changes] == ["optimizer.lr"]
    assert any("trained what was made in its ranks (factory)" in line for line in result.unknown)


def test_a_resumed_run_says_of_what_and_other_data_is_noticed(runs_dir):  # noqa: F811
    first = nbdebug.launch(trainings.setup(), epochs=1).wait(240)
    second = nbdebug.launch(trainings.setup(), epochs=2, resume=first).wait(240)
    assert not any("other data" in note for note in second.notes)
    setup = trainings.setup()
    x, y = setup.train_loader.dataset.tensors
    y[:] = 1 - y
    third = nbdebug.launch(setup, epochs=2, resume=first).wait(240)
    assert any("the checkpoint was made on other data" in note for note in third.notes)
    table = nbdebug.runs()
    assert list(table["resumed_from"]) == [first.id, first.id, ""]
    result = nbdebug.compare_runs(second, third).result
    assert result.changes[0].what == "train_loader's data" and "resumed from" not in [change.what for change in result.changes]
    assert "resumed from" in [change.what for change in nbdebug.compare_runs(first, second).result.changes]


def test_the_same_once_more_has_the_record_of_the_first(runs_dir):  # noqa: F811
    first = nbdebug.launch(trainings.setup(), epochs=1)
    first.wait(240)
    record = writing.read(first.folder)
    known_runs.known.clear()
    again = nbdebug.launch(resume=first.id).wait(240)
    assert writing.read(again.folder)["model"] == record["model"] and writing.read(again.folder)["written"] > record["written"]


def test_a_run_whose_kernel_was_killed_is_lost_and_can_be_compared(runs_dir):  # noqa: F811
    code = "import time\nfrom nbdebug.training.launching import launch\nfrom tests.training.run import trainings\nrun = launch(trainings.setup(), max_steps=10**7)\ntime.sleep(600)\n"
    kernel = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True)
    try:
        wait_for(lambda: len(nbdebug.runs()) and nbdebug.runs()["step"][0] > 20 and next(iter(runs_dir.glob("*/record.json")), None))
        assert nbdebug.runs()["state"][0] == "running"
    finally:
        os.kill(kernel.pid, signal.SIGKILL)
        kernel.wait()
    assert nbdebug.runs()["state"][0] == "lost"
    other = nbdebug.launch(trainings.setup(), epochs=1).wait(240)
    result = nbdebug.compare_runs(nbdebug.runs()["id"][1], other).result
    assert result.a.state == "lost" and "a was lost: the kernel that looked after it is gone." in result.sentence
