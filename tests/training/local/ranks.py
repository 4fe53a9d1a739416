"""What a rank may do, without a payload: entries for the engine, which ranks import by name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from nbdebug.training.events import event
from nbdebug.training.local import preloaded
from nbdebug.training.rank.spec import RankSpec

MARK = f"standin-rank-worker-{os.environ.get('PYTEST_XDIST_WORKER', '')}-"  # tests that run beside these have theirs


class Voice:
    """Says events, beats four times a second, and knows whether it was asked to stop."""

    def __init__(self, spec: RankSpec, pipe: Connection) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from multiprocessing import forkserver

        if (fd := forkserver._forkserver._forkserver_alive_fd) is not None:  # type: ignore[attr-defined]
            os.close(fd)
        self.spec, self.pipe = spec, pipe
        self.step, self.phase, self.seq = 0, "start", 0
        self.stopped = threading.Event()
        self.heard: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self.say("hello", pid=os.getpid(), host="here", device=spec.device, preloaded=[], versions=preloaded.versions())
        threading.Thread(target=self._beat, daemon=True).start()
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, kind: str, **fields: Any) -> None:
        with self._lock:
            self.pipe.send_bytes(json.dumps(event(kind, self.spec.rank, self.spec.attempt, self.seq, fields)).encode())
            self.seq += 1

    def train(self) -> None:
        self.phase, self.step = "train", self.step + 1
        self.say("metric", step=self.step, epoch=0, metrics={"loss": 1.0 / self.step})
        time.sleep(0.01)

    def _beat(self) -> None:
        while True:
            time.sleep(0.25)
            self.say("beat", step=self.step, epoch=0, phase=self.phase)

    def _listen(self) -> None:
        try:
            while True:
                message = json.loads(self.pipe.recv_bytes())
                self.heard.append(message)
                if message["k"] == "stop":
                    self.stopped.set()
        except (EOFError, OSError):
            os._exit(9)  # the kernel is gone


def ten_steps(spec: RankSpec, pipe: Connection) -> None:
    voice = Voice(spec, pipe)
    voice.say("ready", seconds=0.0)
    for _ in range(10):
        voice.train()
    voice.say("done", result={"sigint": signal.getsignal(signal.SIGINT) is signal.SIG_IGN, "file": _main_file()}, step=10)


def until_stopped(spec: RankSpec, pipe: Connection) -> None:
    voice = Voice(spec, pipe)
    voice.say("ready", seconds=0.0)
    while not voice.stopped.is_set():
        voice.train()
    voice.say("stopping", step=voice.step, reason="asked")
    voice.say("done", result=None, step=voice.step)


def with_workers(spec: RankSpec, pipe: Connection) -> None:
    """Each rank has a worker that would live on by itself."""
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(600)  # {MARK}"])
    until_stopped(spec, pipe)


def deaf(spec: RankSpec, pipe: Connection) -> None:
    """Trains a little, and then hears nothing, as if it were stuck in compiled code."""
    voice = Voice(spec, pipe)
    voice.train()
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(600)  # {MARK}"])
    while True:
        time.sleep(60)


def slow_to_start(spec: RankSpec, pipe: Connection) -> None:
    Voice(spec, pipe)
    time.sleep(600)


def one_dies_by(spec: RankSpec, pipe: Connection, number: int) -> None:
    voice = Voice(spec, pipe)
    for _ in range(5):
        voice.train()
    if spec.rank == 1:
        os._exit(0) if not number else os.kill(os.getpid(), number)
    time.sleep(600)


def one_is_killed(spec: RankSpec, pipe: Connection) -> None:
    one_dies_by(spec, pipe, signal.SIGKILL)


def one_crashes(spec: RankSpec, pipe: Connection) -> None:
    one_dies_by(spec, pipe, signal.SIGSEGV)


def one_leaves(spec: RankSpec, pipe: Connection) -> None:
    one_dies_by(spec, pipe, 0)


def dies_the_first_time(spec: RankSpec, pipe: Connection) -> None:
    if spec.attempt == 0:
        one_dies_by(spec, pipe, signal.SIGKILL)
    ten_steps(spec, pipe)


def dies_before_a_word(spec: RankSpec, pipe: Connection) -> None:
    if spec.rank == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    slow_to_start(spec, pipe)


def one_raises(spec: RankSpec, pipe: Connection) -> None:
    """Rank 1 raises; the error that rank 0 gets of it comes first over the pipe."""
    voice = Voice(spec, pipe)
    voice.train()
    if spec.rank == 0:
        voice.say("error", etype="RuntimeError", message="Connection closed by peer", traceback="", line="", secondary=True, step=1)
    else:
        time.sleep(0.2)
        voice.say("error", etype="ValueError", message="bad sample 7", traceback="Traceback …\nValueError: bad sample 7\n", line="Cell In[4], line 2", secondary=False, step=1)
    time.sleep(0.1)
    sys.exit(1)


def of_another_version(spec: RankSpec, pipe: Connection) -> None:
    voice = Voice(spec, pipe)
    voice.say("hello", pid=os.getpid(), host="here", device=spec.device, preloaded=[], versions={**preloaded.versions(), "torch": "1.13"})
    time.sleep(600)


def talks(spec: RankSpec, pipe: Connection) -> None:
    """Many messages, some of them long."""
    voice = Voice(spec, pipe)
    for number in range(2000):
        voice.say("log", stream="stdout", text="x" * (100_000 if number % 500 == 0 else 50))
    voice.say("note", text="that was all")
    voice.say("done", result=None, step=0)


def _main_file() -> Any:
    return getattr(sys.modules["__main__"], "__file__", None)
