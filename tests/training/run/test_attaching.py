"""Runs of somebody else: of a process of their own, of a kernel that is gone, or long over."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nbdebug
from nbdebug.errors import LaunchError, RankFailed
from nbdebug.training import run as runs
from nbdebug.training.attaching import attach
from nbdebug.training.launching import launch
from tests.training.conftest import lives, wait_for
from tests.training.run import trainings

ROOT = Path(__file__).parents[3]
LONG = 10**7  # steps


def forgotten():
    """As a kernel that has just been started."""
    runs.known.clear()


def kernel(code):
    """Another process that launches something, and lives on."""
    prelude = "import time\nfrom nbdebug.training.rank import guard\nguard.die_with_parent()\nfrom nbdebug.training.launching import launch\nfrom tests.training.run import trainings\n"
    return subprocess.Popen([sys.executable, "-c", prelude + code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True)


def test_a_finished_run_is_there_again(runs_dir):
    run = launch(trainings.setup(), num_processes=2, epochs=2, name="first").wait(240)
    launch(trainings.steps, 2).wait(240)
    metrics, result = run.metrics, run.result
    name = run.id
    forgotten()
    again = attach(name)
    assert again is not run and again.state == "done" and again.ended
    assert again.metrics.equals(metrics) and again.result == result and again.step == run.step
    assert attach().result == {"steps": 2}
    assert again.wait() is again
    model = trainings.Tied()
    again.load_into(model)
    assert model.head.weight.equal(run.model.head.weight)
    with pytest.raises(LaunchError, match="does not know the model"):
        _ = again.model
    with pytest.raises(LaunchError, match="has ended"):
        again.pause()


def test_a_failed_run_still_says_why(runs_dir):
    with pytest.raises(RankFailed):
        launch(trainings.one_raises, num_processes=2).wait(240)
    forgotten()
    again = attach()
    with pytest.raises(RankFailed, match="rank 1 raised ValueError at step 3") as caught:
        again.wait()
    assert "ValueError: bad sample 7" in caught.value.traceback


def test_a_run_of_this_kernel_is_the_very_same():
    run = launch(trainings.steps, 1)
    assert attach() is run and attach(run.id) is run and attach(run.folder.path) is run
    run.wait(240)


def test_a_name_that_does_not_exist_or_is_not_the_only_one(runs_dir):
    for name in ("a", "b"):
        launch(trainings.steps, 1, name=name).wait(240)
    with pytest.raises(LaunchError, match="there is no run 'nonsense'.*the last ones are"):
        attach("nonsense")
    with pytest.raises(LaunchError, match="2 runs in .* begin with '20"):
        attach("20")


def test_a_detached_run_outlives_its_kernel_and_obeys_another(runs_dir):
    first = kernel("run = launch(trainings.steps, 10**7, num_processes=2, detach=True)\ntime.sleep(600)")
    try:
        wait_for(lambda: list(runs_dir.glob("*/run.json")))
        run = attach()
        wait_for(lambda: run.state == "running" and run.step > 2)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    step = run.step
    wait_for(lambda: run.step > step + 5)
    assert len(run.ranks) == 2 and run.metrics["loss"].notna().all()
    run.pause()
    wait_for(lambda: run.state == "paused")
    run.resume()
    processes = [rank.pid for rank in run.ranks] + [run.folder.about()["keeper"]["pid"]]
    run.stop("seen enough")
    assert run.wait(240).state == "interrupted" and run._keeper.reason == "seen enough"
    wait_for(lambda: not any(lives(pid) for pid in processes), 10)


def test_what_looks_after_a_detached_run_is_heard_too(runs_dir):
    run = launch(trainings.steps, LONG, num_processes=2, restarts=1, detach=True)
    wait_for(lambda: run.state == "running" and run.step > 2)
    os.kill(run.ranks[1].pid, signal.SIGKILL)
    wait_for(lambda: run.notes or run.ended)
    run.kill()
    [note] = run.notes
    assert note.startswith("rank 1 was killed by SIGKILL") and note.endswith("all ranks start again from the last checkpoint")
    wait_for(lambda: run.ended)
    forgotten()
    assert attach().notes == [note]


def test_when_the_kernel_is_killed_its_ranks_go_and_the_run_says_so(runs_dir):
    first = kernel("run = launch(trainings.setup(), num_processes=2, epochs=10**6)\ntime.sleep(600)")
    try:
        wait_for(lambda: list(runs_dir.glob("*/run.json")))
        run = attach()
        wait_for(lambda: run.state == "running" and run.step > 20)
        ranks = [rank.pid for rank in run.ranks]
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    wait_for(lambda: not any(lives(pid) for pid in ranks), 10)
    with pytest.raises(RankFailed, match=r"the process that looked after this run \(pid \d+\) is gone"):
        run.wait(10)
    assert run.state == "failed" and run.metrics.shape[0] > 0
    again = launch(resume="last")  # what was shipped then is shipped again, unread
    wait_for(lambda: again.ended or again.step > run.step)
    assert not again.ended, again._keeper.monitor.failure
    again.kill()


def test_another_kernel_can_stop_an_attached_run(runs_dir):
    run = launch(trainings.steps, LONG, num_processes=2)
    wait_for(lambda: run.state == "running")
    forgotten()
    seen = attach()
    assert seen is not run
    seen.stop("from the other one", grace=10)
    wait_for(lambda: run.ended and seen.ended)
    assert run.state == seen.state == "interrupted"


def test_the_same_payload_is_refused_other_settings(runs_dir):
    run = launch(trainings.setup(), epochs=1).wait(240)
    forgotten()
    with pytest.raises(LaunchError, match="taken as it was"):
        launch(resume=run.id, epochs=3)


def test_a_folder_moved_elsewhere_is_still_a_run(runs_dir, tmp_path):
    run = launch(trainings.setup(), epochs=1).wait(240)
    elsewhere = tmp_path / "kept"
    shutil.copytree(run.folder.path, elsewhere)
    assert nbdebug.attach(elsewhere).metrics.equals(run.metrics)
    assert json.loads((elsewhere / "run.json").read_text())["state"] == "done"


def test_a_script_that_ends_ends_its_run(runs_dir):
    first = kernel("run = launch(trainings.steps, 10**7, num_processes=2)\nwhile run.step < 3: time.sleep(0.05)")
    assert first.wait(240) == 0
    assert attach().state == "interrupted" and attach()._keeper.reason == "the kernel shut down"
