"""The kernel's end of a pipe never waits."""

from __future__ import annotations

import json
import os
import struct
import time
from multiprocessing import Pipe

import pytest

from nbdebug.training.commands import Tail
from nbdebug.training.local.line import Line
from nbdebug.training.local.memory import oom_kills


@pytest.fixture
def ends():
    ours, its = Pipe(duplex=True)
    yield Line(ours), its
    for end in (ours, its):
        if not end.closed:
            end.close()


def test_messages_go_both_ways(ends):
    line, its = ends
    for number in range(3):
        its.send_bytes(json.dumps({"n": number}).encode())
    assert line.read() == [{"n": 0}, {"n": 1}, {"n": 2}] and line.read() == []
    line.send({"k": "stop"})
    assert json.loads(its.recv_bytes()) == {"k": "stop"}


def test_half_a_message_is_not_waited_for(ends):
    line, its = ends
    text = json.dumps({"text": "x" * 1000}).encode()
    whole = struct.pack("!i", len(text)) + text
    os.write(its.fileno(), whole[:500])
    began = time.monotonic()
    assert line.read() == [] and time.monotonic() - began < 0.5
    os.write(its.fileno(), whole[500:])
    assert line.read() == [{"text": "x" * 1000}]


def test_what_is_no_message_is_left_out(ends):
    line, its = ends
    its.send_bytes(b"\xff not json")
    its.send_bytes(b"[1, 2]")
    its.send_bytes(b'{"k": "beat"}')
    assert line.read() == [{"k": "beat"}]


def test_the_last_words_of_the_dead_are_read(ends):
    line, its = ends
    its.send_bytes(b'{"k": "done"}')
    its.close()
    assert line.read() == [{"k": "done"}] and line.closed
    line.send({"k": "stop"})  # into nothing


def test_a_pipe_that_is_full_does_not_hold_up_the_kernel(ends):
    line, its = ends
    began = time.monotonic()
    for number in range(400):
        line.send({"k": "pause", "n": number, "text": "x" * 4000})
    assert time.monotonic() - began < 5.0
    heard = []
    while len(heard) < 400:
        heard.append(json.loads(its.recv_bytes())["n"])
        line.flush()
    assert heard == list(range(400))


def test_a_file_is_read_line_by_line_as_it_grows(tmp_path):
    path = tmp_path / "events.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    path.write_text('{"n": 1}\n{"n": ')
    assert tail.read() == [{"n": 1}]
    with path.open("a") as file:
        file.write('2}\nnonsense\n{"n": 3}\n')
    assert tail.read() == [{"n": 2}, {"n": 3}] and tail.read() == []
    assert Tail(path, from_start=False).read() == []


@pytest.mark.parametrize(
    "groups, file, text, expected",
    [
        ("0::/job\n", "job/memory.events", "low 0\noom 3\noom_kill 2\n", 2),
        ("0::/job\n", "memory.events", "oom_kill 1\n", 1),
        ("4:memory:/job\n0::/\n", "memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n", 4),
        ("0::/job\n", "elsewhere", "oom_kill 1\n", None),
    ],
)
def test_how_often_memory_ran_out(tmp_path, groups, file, text, expected):
    (tmp_path / "cgroup").write_text(groups)
    (tmp_path / "fs" / file).parent.mkdir(parents=True)
    (tmp_path / "fs" / file).write_text(text)
    assert oom_kills(tmp_path / "cgroup", tmp_path / "fs") == expected
