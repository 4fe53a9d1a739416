"""What a rank says is in its file at once, or a tenth of a second later where it says much, and never waits for a kernel that does not read."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from nbdebug.training.folder import RunFolder
from nbdebug.training.rank import sender as senders
from nbdebug.training.rank.sender import Sender
from nbdebug.training.rank.spec import RankSpec


@pytest.fixture
def spec(tmp_path):
    return RankSpec(str(RunFolder.create("test", tmp_path).path), 1, 2, 1, attempt=3)


def said(spec):
    return list(RunFolder(Path(spec.folder)).said(spec.rank))


def heard(pipe):
    messages = []
    while pipe.poll(0.05):
        messages.append(json.loads(pipe.recv_bytes()))
    return messages


def test_an_event_is_in_the_file_before_send_returns(spec):
    teller = Sender(spec)
    teller.send("metric", step=4, epoch=0, metrics={"loss": 0.5, "bad": math.nan})
    (event,) = said(spec)
    teller.close()
    assert (event["r"], event["a"], event["seq"], event["step"]) == (1, 3, 0, 4)
    assert event["metrics"] == {"loss": 0.5, "bad": {"float": "nan"}}


def test_a_kernel_that_reads_hears_all_in_order(spec):
    ours, its = multiprocessing.Pipe()
    teller = Sender(spec, its)
    for step in range(100):
        teller.send("metric", step=step, epoch=0, metrics={})
    teller.send("note", text="end")
    assert teller.flush()
    messages = [message for message in heard(ours) if message["k"] != "beat"]
    teller.close()
    assert [message["seq"] for message in messages] == list(range(101))


def test_metrics_that_follow_closely_are_told_together_and_before_what_comes_after(spec):
    teller, heard_of = Sender(spec), []
    teller.listeners.append(lambda *events: heard_of.append([event["k"] for event in events]))
    for step in range(5):
        teller.send("metric", step=step, epoch=0, metrics={"loss": 1.0})
    at = [event["step"] for event in said(spec)]
    teller.send("note", text="a finding")
    events = said(spec)
    teller.close()
    assert at[:1] == [0] and [event["k"] for event in events] == ["metric"] * 5 + ["note"] and [event["seq"] for event in events] == list(range(6))
    assert [event["t"] for event in events] == sorted(event["t"] for event in events)
    assert heard_of[0] == ["metric"] and sum(heard_of, []) == ["metric"] * 5 + ["note"]


def test_what_was_noted_is_told_though_nothing_follows(spec):
    teller = Sender(spec)
    for step in range(3):
        teller.send("metric", step=step, epoch=0, metrics={})
    end = time.monotonic() + 240
    while sum(event["k"] == "metric" for event in said(spec)) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    teller.close()
    assert sum(event["k"] == "metric" for event in said(spec)) == 3


def test_who_listens_and_fails_is_left_out_and_that_is_said(spec):
    def broken(*events):
        raise TypeError("no such number")

    teller = Sender(spec)
    teller.listeners.append(broken)
    teller.send("note", text="one")
    teller.send("note", text="two")
    teller.close()
    assert [event["text"] for event in said(spec)] == ["one", "function writes nothing more: TypeError: no such number", "two"]


def test_a_kernel_that_does_not_read_costs_no_time_and_only_metrics(spec):
    ours, its = multiprocessing.Pipe()
    teller = Sender(spec, its)
    began = time.perf_counter()
    for step in range(20_000):
        teller.send("metric", step=step, epoch=0, metrics={"loss": 1.0, "text": "x" * 200})
        if step % 1000 == 0:
            teller.send("validation", step=step, epoch=0, metrics={})
    assert time.perf_counter() - began < 10
    messages = []
    end = time.monotonic() + 240
    while time.monotonic() < end and not any(message["k"] == "dropped" for message in messages):
        messages += heard(ours)
    teller.close()
    assert [message["step"] for message in messages if message["k"] == "validation"] == list(range(0, 20_000, 1000))
    metrics = [message["step"] for message in messages if message["k"] == "metric"]
    assert metrics == sorted(metrics) and metrics[-1] == 19_999 and len(metrics) < 20_000
    (dropped,) = (message for message in messages if message["k"] == "dropped")
    assert dropped["kind"] == "metric" and dropped["count"] == 20_000 - len(metrics)
    assert sum(event["k"] == "metric" for event in said(spec)) == 20_000


def test_who_says_it_puts_it_into_the_pipe_and_wakes_nobody(spec, monkeypatch):
    monkeypatch.setattr(Sender, "_run", lambda self: None)  # there is no thread
    ours, its = multiprocessing.Pipe()
    teller = Sender(spec, its)
    for step in range(50):
        teller.send("metric", step=step, epoch=0, metrics={"loss": 1.0})
    teller.send("note", text="x" * 1000)
    assert [message["seq"] for message in heard(ours)] == list(range(51))
    teller.close()


def test_what_is_large_is_left_to_the_thread_and_waited_for_by_nobody(spec):
    ours, its = multiprocessing.Pipe()
    teller = Sender(spec, its)
    began = time.perf_counter()
    teller.send("note", text="x" * (4 << 20))  # more than any pipe takes
    teller.send("note", text="behind it")
    assert time.perf_counter() - began < 2
    messages = []
    end = time.monotonic() + 240
    while time.monotonic() < end and len([message for message in messages if message["k"] == "note"]) < 2:
        messages += heard(ours)
    teller.close()
    assert [len(message["text"]) for message in messages if message["k"] == "note"] == [4 << 20, len("behind it")]


def test_a_kernel_that_is_gone_disturbs_nobody(spec):
    ours, its = multiprocessing.Pipe()
    teller = Sender(spec, its)
    ours.close()
    for _ in range(10):
        teller.send("note", text="still here")
        time.sleep(0.001)
    teller.close()
    assert len(said(spec)) == 10


def test_a_sign_of_life_comes_by_itself(spec, monkeypatch):
    monkeypatch.setattr(senders, "BEAT", 0.02)
    teller = Sender(spec)
    teller.now.step, teller.now.phase = 7, "train"
    end = time.monotonic() + 240
    while not any(beat["samples_per_second"] > 0 for beat in said(spec)) and time.monotonic() < end:
        teller.now.samples += 32
        time.sleep(0.01)
    teller.close()
    beat = next(beat for beat in said(spec) if beat["samples_per_second"] > 0)
    assert beat["k"] == "beat" and beat["step"] == 7 and beat["phase"] == "train" and beat["memory"] > 1 << 20


def test_a_folder_that_cannot_be_written_does_not_end_the_training(tmp_path):
    teller = Sender(RankSpec(str(tmp_path / "nowhere"), 0, 1, 0))
    teller.send("note", text="nobody hears it")
    teller.close()


def test_what_is_printed_without_end_does_not_fill_the_events(spec, monkeypatch):
    monkeypatch.setattr(senders, "PRINTED", 1000)
    ours, its = multiprocessing.Pipe()
    teller = Sender(spec, its)
    for _ in range(20):
        teller.send("log", stream="output", text="x" * 100)
        teller.flush()
    assert sum(message["k"] == "log" for message in heard(ours)) == 20
    teller.close()
    assert sum(event["k"] == "log" for event in said(spec)) < 10


def test_a_worker_that_was_forked_says_nothing_and_does_not_hang(spec):
    teller = Sender(spec)
    with teller._changed:  # as when the rank's own thread was telling just then
        child = os.fork()
        if not child:
            teller.send("note", text="from the worker")
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    teller.close()
    assert said(spec) == []
