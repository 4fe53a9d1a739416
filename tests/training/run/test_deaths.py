"""A rank that dies is an error within two seconds, wherever it was; one that others wait for is named."""

from __future__ import annotations

import time

import psutil
import pytest

from nbdebug.errors import RankFailed
from nbdebug.training.launching import launch
from tests.training.conftest import demand_within, lives, wait_for
from tests.training.run import odd_trainings, trainings

SOON = 2.0  # seconds that are promised
LATE = 10.0  # that a single try may take


def dead(tmp_path, where, how):
    """A run of which a rank has died; the seconds from the death to the end of the run, with nobody left."""
    note = tmp_path / f"died-{time.monotonic_ns()}"
    fatal = (odd_trainings.never_begins, odd_trainings.Fatal(how, str(note))) if where == "while it unpickles" else (odd_trainings.one_dies, where, how, str(note))
    run = launch(*fatal, num_processes=2)
    assert run._keeper.ended.wait(240)
    took = time.time() - float(note.read_text())
    assert not any(lives(rank.pid) for rank in run.ranks if rank.pid)
    return run, took


@pytest.mark.parametrize(
    ("where", "how", "words"),
    [
        ("while it unpickles", "SIGKILL", "was killed by SIGKILL before the first step"),
        ("while it unpickles", "exit", "ended with exit code 0 before the first step"),
        ("in the group", "SIGSEGV", "rank 1 was killed by SIGSEGV before the first step"),
        ("in a collective", "SIGKILL", "rank 1 was killed by SIGKILL at step 3"),
        ("in a collective", "exit", "rank 1 ended with exit code 0 at step 3"),
    ],
)
def test_a_rank_that_dies_is_an_error_within_two_seconds(tmp_path, where, how, words):
    def seconds():
        run, took = dead(tmp_path, where, how)
        with pytest.raises(RankFailed, match=words):
            run.wait()
        return took

    demand_within(SOON, seconds, LATE)


def test_a_rank_that_dies_after_its_work_has_not_failed(tmp_path):
    run = launch(odd_trainings.one_dies, "after the group", "SIGSEGV", str(tmp_path / "died"), num_processes=2).wait(240)
    assert run.state == "done" and (tmp_path / "died").exists()


def test_a_rank_that_waits_for_one_that_has_left_is_named():
    run = launch(odd_trainings.uneven, num_processes=2)
    run._keeper.monitor.silent = 1.0
    wait_for(lambda: run.notes or run.ended)
    assert run.notes[0].startswith("rank 0 has left its loop after step 3, and rank 1 has stood at step 3 for"), run.notes
    assert "uneven" in run.stacks(timeout=20)
    run.kill()


def test_after_a_death_the_same_goes_on_from_the_last_checkpoint():
    run = launch(trainings.setup(), num_processes=2, epochs=10**6, **{"checkpoint.every_steps": 5})
    wait_for(lambda: run.history.checkpoints or run.ended)
    psutil.Process(run.ranks[0].pid).kill()
    with pytest.raises(RankFailed, match="rank 0 was killed by SIGKILL at step"):
        run.wait(240)
    again = launch(resume=run, max_steps=run.step + 20).wait(240)
    assert again.state == "done" and again.result["step"] == run.step + 20 and again.events("metric")[0]["step"] > 5
