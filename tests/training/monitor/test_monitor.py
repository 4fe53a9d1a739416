"""What the monitor decides, with a clock of our own and without a process."""

from __future__ import annotations

import signal

import pytest

from nbdebug.training.monitor import CLOSING, COLLECTING, LINGERING, SILENT, Begin, End, Monitor, Tell


class Scene:
    """A monitor of two ranks, and the time."""

    def __init__(self, ranks=2, **options):
        self.time = 100.0
        self.monitor = Monitor(ranks, now=lambda: self.time, **options)
        self.seq = 0

    def started(self):
        self.monitor.begin()
        assert self.monitor.actions() == [Begin(0)]
        self.born()
        return self

    def born(self):
        for rank in self.monitor.ranks:
            self.monitor.born(rank.rank)
        self.monitor.started()

    def says(self, rank, kind, **fields):
        self.seq += 1
        self.monitor.heard({"k": kind, "r": rank, "a": fields.pop("a", self.monitor.attempt), "seq": self.seq, "t": self.time, **fields})

    def training(self):
        self.started()
        for rank in range(len(self.monitor.ranks)):
            self.says(rank, "beat", step=3, epoch=0, phase="train")
        return self

    def after(self, seconds):
        self.time += seconds
        return self.monitor.actions()


def test_a_run_goes_from_preparing_to_done():
    scene = Scene()
    assert scene.monitor.state == "preparing"
    scene.started()
    assert scene.monitor.state == "starting"
    scene.says(0, "hello", pid=7)
    assert scene.monitor.state == "starting"
    scene.says(0, "beat", step=1, phase="train")
    assert scene.monitor.state == "running"
    for rank in (0, 1):
        scene.says(rank, "done", result={"loss": 0.5})
        scene.monitor.died(rank, 0)
    scene.monitor.actions()
    assert scene.monitor.state == "done" and scene.monitor.failure is None
    assert scene.monitor.history.done[0]["result"] == {"loss": 0.5}


def test_all_ranks_paused_is_paused():
    scene = Scene().training()
    scene.says(0, "beat", step=3, phase="paused")
    assert scene.monitor.state == "running"
    scene.says(1, "beat", step=3, phase="paused")
    assert scene.monitor.state == "paused"
    scene.says(1, "beat", step=4, phase="train")
    assert scene.monitor.state == "running"


def test_a_stop_is_told_and_ends_nobody_within_the_grace():
    scene = Scene(grace=4.0).training()
    scene.monitor.stop("enough")
    (told,) = scene.monitor.actions()
    assert isinstance(told, Tell) and told.message["k"] == "stop" and told.message["reason"] == "enough"
    assert scene.after(3.9) == []
    assert scene.monitor.state == "stopping"


def test_who_does_not_obey_within_the_grace_is_ended():
    scene = Scene(grace=4.0).training()
    scene.monitor.stop("enough")
    scene.monitor.actions()
    assert scene.after(4.0) == [End((0, 1))]
    for rank in (0, 1):
        scene.monitor.died(rank, -signal.SIGKILL)
    scene.monitor.actions()
    assert (scene.monitor.state, scene.monitor.forced, scene.monitor.failure) == ("interrupted", True, None)


def test_the_second_stop_is_now():
    scene = Scene(grace=60.0).training()
    scene.monitor.stop("enough")
    scene.monitor.actions()
    scene.monitor.stop("now")
    assert scene.monitor.actions() == [End((0, 1))]


def test_before_anything_is_trained_a_stop_is_now():
    scene = Scene(grace=60.0).started()
    scene.says(0, "hello", pid=7)
    scene.monitor.stop("enough")
    assert scene.monitor.actions() == [End((0, 1))]


def test_a_stop_before_the_start_starts_nothing():
    scene = Scene()
    scene.monitor.begin()
    scene.monitor.stop("changed my mind")
    assert not any(isinstance(action, Begin) for action in scene.monitor.actions())
    assert scene.monitor.state == "interrupted"


def test_a_stop_that_all_ranks_agreed_on_is_an_interrupted_run():
    scene = Scene().training()
    scene.monitor.stop("enough")
    for rank in (0, 1):
        scene.says(rank, "stopping", step=4, reason="enough")
        scene.says(rank, "done", result=None)
        scene.monitor.died(rank, 0)
    scene.monitor.actions()
    assert (scene.monitor.state, scene.monitor.forced, scene.monitor.reason) == ("interrupted", False, "enough")


def test_a_stop_that_came_after_the_last_step_changes_nothing():
    scene = Scene().training()
    scene.monitor.stop("enough")
    for rank in (0, 1):
        scene.says(rank, "done", result=None)
        scene.monitor.died(rank, 0)
    scene.monitor.actions()
    assert scene.monitor.state == "done"


def test_the_cause_is_the_earliest_error_that_did_not_come_of_another():
    scene = Scene().training()
    scene.says(0, "error", etype="RuntimeError", message="Connection closed by peer", secondary=True, step=3)
    scene.time += 0.2
    scene.says(1, "error", etype="ValueError", message="bad sample", line="Cell In[4], line 2: x", secondary=False, step=3, traceback="Traceback …")
    for rank in (0, 1):
        scene.monitor.died(rank, 1)
    scene.monitor.actions()
    failure = scene.monitor.failure
    assert (scene.monitor.state, failure.rank, failure.etype) == ("failed", 1, "ValueError")
    assert failure.sentence == "rank 1 raised ValueError at step 3: bad sample (Cell In[4], line 2: x)"
    assert failure.error().traceback == "Traceback …"


def test_the_others_get_a_moment_and_are_then_ended():
    scene = Scene().training()
    scene.says(1, "error", etype="ValueError", message="bad", secondary=False, step=3)
    assert scene.after(CLOSING - 0.01) == []
    assert scene.after(0.02) == [End((0, 1))]


def test_with_nothing_but_consequences_known_the_cause_gets_longer():
    scene = Scene().training()
    scene.says(0, "error", etype="RuntimeError", message="Connection closed by peer", secondary=True, step=3)
    assert scene.after(CLOSING + 0.01) == []
    assert scene.after(COLLECTING) == [End((0, 1))]


def test_when_nobody_is_left_nobody_is_waited_for():
    scene = Scene(ranks=1).training()
    scene.says(0, "error", etype="ValueError", message="bad", secondary=False, step=3)
    assert scene.monitor.actions() == [End((0,))]


@pytest.mark.parametrize(
    "exitcode, oom_kills, words",
    [
        (-signal.SIGKILL, 2, ["rank 1 was killed by SIGKILL at step 3", "out of memory (the system has killed 2"]),
        (-signal.SIGKILL, None, ["SIGKILL", "probably out of memory"]),
        (-signal.SIGKILL, 0, ["SIGKILL", "of the whole machine", "somebody's kill"]),
        (-signal.SIGSEGV, None, ["SIGSEGV", "compiled code"]),
        (0, None, ["rank 1 ended with exit code 0 at step 3", "os._exit()"]),
        (3, None, ["exit code 3"]),
    ],
)
def test_a_death_without_a_word_is_told_with_rank_signal_and_step(exitcode, oom_kills, words):
    scene = Scene().training()
    scene.monitor.died(1, exitcode, oom_kills=oom_kills)
    assert scene.after(CLOSING + 0.01) == [End((0, 1))]
    scene.monitor.died(0, -signal.SIGKILL)
    scene.monitor.actions()
    assert scene.monitor.failure.rank == 1
    for word in words:
        assert word in scene.monitor.failure.sentence


def test_a_death_counts_before_what_came_of_it():
    scene = Scene().training()
    scene.monitor.died(1, -signal.SIGKILL)
    scene.says(0, "error", etype="RuntimeError", message="Connection closed by peer", secondary=True, step=3)
    scene.monitor.died(0, 1)
    scene.monitor.actions()
    assert scene.monitor.failure.signal == "SIGKILL"


def test_all_start_again_when_one_died_and_only_as_often_as_allowed():
    scene = Scene(restarts=1).training()
    scene.monitor.died(1, -signal.SIGKILL)
    scene.after(CLOSING + 0.01)
    scene.monitor.died(0, -signal.SIGKILL)
    *ends, begin = scene.monitor.actions()
    assert begin == Begin(1) and End((0, 1)) in ends  # what the dead left behind goes first
    assert scene.monitor.state == "restarting"
    scene.born()
    scene.says(0, "beat", step=2, phase="train")
    assert scene.monitor.state == "running" and "start again" in scene.monitor.history.notes[0]
    for rank in (0, 1):
        scene.monitor.died(rank, -signal.SIGKILL)
    scene.monitor.actions()
    assert scene.monitor.state == "failed"


def test_an_exception_is_not_tried_again():
    scene = Scene(restarts=3).training()
    scene.says(1, "error", etype="ValueError", message="bad", secondary=False, step=3)
    for rank in (0, 1):
        scene.monitor.died(rank, 1)
    scene.monitor.actions()
    assert scene.monitor.state == "failed"


def test_what_comes_late_from_an_earlier_attempt_does_not_count():
    scene = Scene(restarts=1).training()
    for rank in (0, 1):
        scene.monitor.died(rank, -signal.SIGKILL)
    scene.monitor.actions()
    scene.monitor.actions()
    scene.born()
    scene.says(1, "error", a=0, etype="RuntimeError", message="Connection closed", secondary=False, step=3)
    assert scene.after(10.0) == [] and scene.monitor.state == "restarting"


def test_a_stop_between_two_attempts_starts_nothing():
    scene = Scene(restarts=1).training()
    for rank in (0, 1):
        scene.monitor.died(rank, -signal.SIGKILL)
    scene.monitor.stop("enough")
    assert not any(isinstance(action, Begin) for action in scene.monitor.actions() + scene.monitor.actions())
    assert scene.monitor.state == "interrupted"


def test_a_silent_rank_is_named_once_and_again_after_it_spoke():
    scene = Scene().training()
    for _ in range(int(SILENT) + 2):
        scene.after(1.0)
        scene.says(0, "beat", step=4, phase="train")
    silent = scene.monitor.ranks_now()[1]
    assert silent.silent and silent.heard > SILENT and not scene.monitor.ranks_now()[0].silent
    (note,) = scene.monitor.history.notes
    assert note.startswith("rank 1 has been silent for") and "step 3" in note
    scene.says(1, "beat", step=4, phase="train")
    assert not scene.monitor.ranks_now()[1].silent


def test_a_rank_that_stands_since_another_has_left_is_named_once():
    scene = Scene().training()
    scene.says(0, "beat", step=7, epoch=0, phase="end")
    scene.says(1, "beat", step=7, epoch=0, phase="train")
    for _ in range(2 * int(SILENT)):
        for rank, phase in ((0, "end"), (1, "train")):
            scene.says(rank, "beat", step=7, epoch=0, phase=phase)
        scene.after(1.0)
    (note,) = scene.monitor.history.notes
    assert note.startswith("rank 0 has left its loop after step 7, and rank 1 has stood at step 7 for") and "run.stacks()" in note


def test_ranks_that_still_step_or_validate_wait_for_nobody():
    for phase, moves in (("train", 1), ("validate", 0), ("checkpoint", 0)):
        scene = Scene().training()
        for second in range(3 * int(SILENT)):
            scene.says(0, "beat", step=7, epoch=0, phase="end")
            scene.says(1, "beat", step=7 + moves * second, epoch=0, phase=phase)
            scene.after(1.0)
        assert scene.monitor.history.notes == []


def test_a_process_that_does_not_end_after_its_work_is_ended_and_the_run_is_done():
    scene = Scene(ranks=1).training()
    scene.says(0, "done", result=None)
    assert scene.after(LINGERING - 0.1) == []
    assert scene.after(0.2) == [End((0,))]
    scene.monitor.died(0, -signal.SIGKILL)
    scene.monitor.actions()
    assert scene.monitor.state == "done"


def test_a_run_that_cannot_be_started_fails_and_says_why():
    scene = Scene(restarts=3)
    scene.monitor.begin()
    scene.monitor.actions()
    scene.monitor.born(0)
    scene.monitor.not_started("too many open files")
    assert End((0, 1)) in scene.monitor.actions()
    scene.monitor.died(0, -signal.SIGKILL)
    scene.monitor.actions()
    assert (scene.monitor.state, scene.monitor.failure.sentence) == ("failed", "too many open files")


def test_the_clock_is_asked_for_when_something_is_due():
    scene = Scene(grace=4.0).training()
    assert scene.monitor.due() is None
    scene.monitor.stop("enough")
    assert scene.monitor.due() == 4.0
    scene.time += 10.0
    assert scene.monitor.due() == 0.0
