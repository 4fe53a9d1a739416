"""Real processes: how they start, how they end, and what is said of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import psutil
import pytest

from nbdebug.training import warm_up
from nbdebug.training.commands import wish
from nbdebug.training.local import server, short_path
from tests.training.conftest import wait_for
from tests.training.local import ranks
from tests.training.local.conftest import gone, pids, workers

SOON = 2.0  # seconds; what is promised is at most this, measured: 0.05 to 0.3


def training(engine, entry=ranks.until_stopped, **options):
    one = engine(entry, **options)
    wait_for(lambda: one.monitor.state == "running" and all(rank.step > 2 for rank in one.monitor.ranks_now()))
    return one


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_run_ends_well_by_either_way_of_starting(engine, method):
    one = engine(ranks.ten_steps, start_method=method)
    assert one.ended.wait(240)
    assert one.monitor.state == "done", one.monitor.failure
    assert sorted(one.monitor.history.done) == [0, 1]
    assert one.monitor.history.done[1]["result"]["sigint"] is True
    assert one.folder.about()["state"] == "done"


def test_the_server_has_everything_imported_one_thread_and_no_gpu(engine):
    one = engine(ranks.ten_steps)
    assert one.ended.wait(240)
    report = one.server_report
    assert {"torch.distributed", "torch._dynamo", "nbdebug.training.rank.entry", "cloudpickle"} <= set(report["modules"])
    assert (report["cuda"], report["threads"]) == (False, 1)


def test_a_warm_start_takes_less_than_a_second(engine):
    assert engine(ranks.ten_steps).ended.wait(240)
    fastest = 60.0
    for _ in range(3):
        began = time.monotonic()
        one = engine(ranks.ten_steps)
        wait_for(lambda one=one: all(rank.step for rank in one.monitor.ranks_now()))
        fastest = min(fastest, time.monotonic() - began)
        assert one.ended.wait(240)
    assert fastest < 1.0


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_no_code_of_the_user_runs_again(engine, tmp_path, monkeypatch, method):
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w').close()\n")
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", str(trap), raising=False)
    monkeypatch.setattr(main, "__spec__", None)
    one = engine(ranks.ten_steps, start_method=method)
    assert one.ended.wait(240) and one.monitor.state == "done"
    assert not (tmp_path / "sprung").exists()
    assert main.__file__ == str(trap) and main.__spec__ is None


def test_a_stop_ends_ranks_and_their_workers(engine):
    one = training(engine, ranks.with_workers)
    everybody = [*pids(one), *workers()]
    assert len(everybody) == 4
    meeting = one._store.path
    assert meeting.stat().st_mode & 0o777 == 0o700
    one.stop("enough")
    assert gone(everybody, SOON) and one.ended.wait(SOON)
    assert (one.monitor.state, one.monitor.forced) == ("interrupted", False)
    assert not meeting.exists()


def test_a_rank_that_hears_nothing_is_ended_after_the_grace_with_its_workers(engine):
    one = engine(ranks.deaf)
    wait_for(lambda: one.monitor.state == "running" and len(workers()) == 2)
    everybody = [*pids(one), *workers()]
    began = time.monotonic()
    one.stop("enough", grace=0.5)
    assert gone(everybody, 0.5 + SOON)
    assert time.monotonic() - began >= 0.5
    assert one.ended.wait(SOON) and one.monitor.forced


def test_the_second_stop_is_now(engine):
    one = engine(ranks.deaf)
    wait_for(lambda: one.monitor.state == "running")
    one.stop("enough", grace=60.0)
    one.stop("now")
    assert one.ended.wait(SOON)


def test_a_stop_during_the_start_does_not_wait(engine):
    one = engine(ranks.slow_to_start)
    wait_for(lambda: all(rank.alive and rank.pid for rank in one.monitor.ranks_now()))
    everybody = pids(one)
    one.stop("enough", grace=60.0)
    assert gone(everybody, SOON) and one.ended.wait(SOON)


def test_a_stop_while_the_server_starts_does_not_wait_for_it(engine):
    with server._lock:
        if server._current is not None:
            server.retire(server._current)
    one = engine(ranks.ten_steps)
    time.sleep(0.05)
    began = time.monotonic()
    one.stop("enough")
    assert one.ended.wait(SOON) and time.monotonic() - began < SOON
    assert one.monitor.state == "interrupted"


@pytest.mark.parametrize(
    "entry, words",
    [
        (ranks.one_is_killed, "rank 1 was killed by SIGKILL at step 5"),
        (ranks.one_crashes, "rank 1 was killed by SIGSEGV at step 5"),
        (ranks.one_leaves, "rank 1 ended with exit code 0 at step 5"),
        (ranks.dies_before_a_word, "rank 0 was killed by SIGKILL before the first step"),
    ],
)
def test_a_dead_rank_is_an_error_that_names_it(engine, entry, words):
    one = engine(entry)
    assert one.ended.wait(240)
    assert one.monitor.state == "failed" and one.monitor.failure.sentence.startswith(words)


def test_a_rank_that_somebody_kills_is_an_error_within_two_seconds_and_the_others_go(engine):
    one = training(engine, ranks.with_workers)
    everybody = [*pids(one), *workers()]
    began = time.monotonic()
    os.kill(pids(one)[1], signal.SIGKILL)
    assert one.ended.wait(2.0) and time.monotonic() - began < 2.0
    assert one.monitor.failure.rank == 1 and one.monitor.failure.signal == "SIGKILL" and one.monitor.failure.step > 2
    assert gone(everybody, 1.0)


def test_the_first_error_shown_is_the_cause(engine):
    one = engine(ranks.one_raises)
    assert one.ended.wait(240)
    assert one.monitor.failure.sentence == "rank 1 raised ValueError at step 1: bad sample 7 (Cell In[4], line 2)"


def test_all_ranks_start_again_after_a_death(engine):
    one = engine(ranks.dies_the_first_time, restarts=1)
    assert one.ended.wait(240)
    assert (one.monitor.state, one.monitor.attempt) == ("done", 1)
    assert one.folder.about()["attempt"] == 1


def test_a_stopped_rank_is_named_and_does_not_hold_up_the_rest(engine):
    one = training(engine)
    one.monitor.silent = 1.0
    stopped = pids(one)[1]
    os.kill(stopped, signal.SIGSTOP)
    wait_for(lambda: one.monitor.ranks_now()[1].silent)
    wait_for(lambda: one.monitor.history.notes)
    assert one.monitor.history.notes[0].startswith("rank 1 has been silent")
    assert not one.monitor.ranks_now()[0].silent
    one.stop("enough", grace=0.5)
    assert gone([stopped], 0.5 + SOON)


def test_the_death_of_the_server_is_told_and_the_next_run_has_another(engine):
    one = training(engine)
    old = one._server.pid
    os.kill(old, signal.SIGKILL)
    assert one.ended.wait(10.0)
    assert "forked from was ended from outside at step" in one.monitor.failure.sentence
    again = engine(ranks.ten_steps)
    assert again.ended.wait(240) and again.monitor.state == "done"


def test_it_is_said_when_the_ranks_have_nowhere_to_meet(engine, monkeypatch):
    def full(what):
        raise OSError("No space left on device")

    monkeypatch.setattr(short_path, "folder", full)
    one = engine(ranks.ten_steps)
    assert one.ended.wait(SOON) and one.monitor.state == "failed"
    assert "in which the ranks meet (No space left on device): set TMPDIR" in one.monitor.failure.sentence


def test_two_runs_at_once_do_not_meet(engine):
    both = [training(engine), training(engine)]
    assert both[0]._store.path != both[1]._store.path
    both[0].stop("enough")
    assert both[0].ended.wait(SOON)
    assert both[1].monitor.state == "running"


def test_nothing_listens_for_a_run_but_what_its_ranks_open_themselves(engine):
    before = listening(os.getpid())
    one = training(engine)
    assert not (listening(os.getpid()) - before) | listening(*pids(one))


def listening(*pids):
    return {c.laddr for pid in pids for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN}


def test_ranks_of_another_version_are_refused(engine):
    one = engine(ranks.of_another_version)
    assert one.ended.wait(240)
    assert "torch 1.13 there" in one.monitor.failure.sentence and "restart the kernel" in one.monitor.failure.sentence


def test_a_server_made_of_something_else_is_not_used_again(engine, monkeypatch):
    first = engine(ranks.ten_steps)
    assert first.ended.wait(240)
    monkeypatch.setenv("TORCH_SHOW_CPP_STACKTRACES", "0")
    second = engine(ranks.ten_steps)
    assert second.ended.wait(240) and second.monitor.state == "done"
    assert first.server_report["pid"] != second.server_report["pid"]
    assert gone([first.server_report["pid"]], SOON)


def test_much_talk_arrives_whole(engine):
    one = engine(ranks.talks)
    assert one.ended.wait(240)
    assert one.monitor.state == "done" and one.monitor.history.notes == ["that was all"]


def test_a_wish_from_elsewhere_is_followed(engine):
    one = training(engine)
    wish(one.folder, {"v": 1, "k": "stop", "reason": "from elsewhere", "grace": 5.0})
    assert one.ended.wait(SOON + 1.0)
    assert one.monitor.reason == "from elsewhere"


def test_who_wants_to_know_is_called_ten_times_a_second_at_most(engine):
    at = []
    one = training(engine, changed=lambda: at.append((time.monotonic(), threading.current_thread().name)))
    time.sleep(1.0)
    one.stop("enough")
    assert one.ended.wait(SOON)
    gaps = [later[0] - earlier[0] for earlier, later in zip(at, at[1:-1], strict=False)]
    assert len(gaps) > 3 and min(gaps) > 0.09
    assert all(name.startswith("nbdebug run") for _, name in at)


def test_a_mistake_of_ours_leaves_no_rank_behind(engine, monkeypatch):
    one = training(engine, ranks.with_workers)
    everybody = [*pids(one), *workers()]
    monkeypatch.setattr(one, "_take_wishes", lambda: 1 / 0)
    assert one.ended.wait(10.0)
    assert gone(everybody, SOON)
    assert one.monitor.state == "failed" and "ZeroDivisionError" in one.monitor.failure.sentence and "_take_wishes" in one.monitor.failure.traceback
    assert one.folder.about()["state"] == "failed"


def test_warming_up_is_what_the_first_launch_would_have_done(engine):
    with server._lock:
        if server._current is not None:
            server.retire(server._current)
    warm_up()
    wait_for(lambda: server._current is not None and server._current.report() is not None)
    pid = server._current.pid
    one = engine(ranks.ten_steps)
    assert one.ended.wait(240) and one.server_report["pid"] == pid
