"""What a rank says, on its way to the kernel and into its own file; telling never makes the training wait.

    send() → events-rank<r>.jsonl   at once: what is written survives the death of the rank
           → queue → pipe           as much as it takes without waiting
                   → thread → pipe  when the kernel reads again; metrics and printed lines that wait too long give way to newer ones

Metrics and printed lines that follow one another closely are noted by who says them, and told together, five times a second: a small network makes
seven hundred steps in that second, and to tell one of them takes as long as a tenth of a step. Who says them tells them too. A thread that told them
would take the interpreter from the training, which then waits for it and for a core as well; so it sleeps, and has the rest: what nobody follows up,
what the pipe does not take, and the sign of life.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nbdebug.errors import first_line
from nbdebug.training.events import LOSSY, event
from nbdebug.training.folder import RunFolder
from nbdebug.training.rank.spec import RankSpec

BEAT = 1.0  # seconds between two signs of life
EVERY = 0.2  # seconds in which what is lossy is gathered; our choice: the view of a run moves four times a second at most
LATE = 0.3  # seconds after the last telling, when the thread tells what was noted since and not followed up
GATHERED = 256  # of it at most
WAITING = 512  # lossy events that may wait for the kernel; our choice: some seconds of metrics, below a megabyte
AT_ONCE = 4 << 10  # bytes for the pipe in one go; more would wait in it where it cannot be dropped any more
LARGE = 64 << 10  # bytes of a message that only the thread writes: half of what a socket takes that `_takes`
LENGTH = struct.Struct("!i")  # before each message, as multiprocessing frames it
PRINTED = 4 << 20  # bytes of "log" that are repeated in the events file; output-rank<r>.log has them all


@dataclass
class Now:
    """Where the rank is; the loop writes it, the thread reads it once a second."""

    step: int = 0
    epoch: int = 0
    phase: str = "start"  # start, train, validate, checkpoint, paused, end
    samples: int = 0  # read by this rank since it started
    data_wait: float = 0.0  # share of the last second or so that went into waiting for batches, 0 to 1; the loop says it


class Sender:
    """Says events of one rank; safe to call from any thread.

    Args:
        spec: whose events they are.
        pipe: to the kernel; None: they go into the file only.
    """

    def __init__(self, spec: RankSpec, pipe: Connection | None = None) -> None:
        self.now = Now()
        self.spec = spec
        self.listeners: list[Callable[..., None]] = []  # who else writes down what is told: called with several events, in order, by one thread at a time
        self._pipe, self._pid = pipe, os.getpid()
        self._file = _opened(RunFolder(Path(spec.folder)).events(spec.rank))
        self._seq = 0
        self._printed = 0  # bytes of "log" in the file
        self._noted: deque[tuple[str, float, Mapping[str, Any]]] = deque()  # kind, when, fields of what is not told yet
        self._noted_at = -EVERY  # when it was told last
        self._sure: deque[tuple[int, bytes]] = deque()
        self._lossy: deque[tuple[int, str, bytes]] = deque()
        self._dropped: dict[str, int] = {}
        self._changed = threading.Condition()
        self._busy = False  # a frame is on its way into the pipe
        self._closed = False
        self._samples, self._at, self._rate = 0, time.monotonic(), 0.0
        self._thread = threading.Thread(target=self._run, name="nbdebug-sender", daemon=True)
        self._thread.start()

    def send(self, kind: str, /, **fields: Any) -> None:
        """Tells an event of `nbdebug.training.events`; in a process that was forked from the rank it tells nothing."""
        if os.getpid() != self._pid:  # a worker: the lock may be held by a thread that it does not have
            return
        if kind in LOSSY:
            self._noted.append((kind, time.time(), fields))
            if time.monotonic() - self._noted_at < EVERY and len(self._noted) < GATHERED:
                return
        with self._changed:
            if self._closed:
                return
            self._tell_noted()
            if kind not in LOSSY:
                self._tell([(kind, time.time(), fields)])
            if not self._pushed():
                self._changed.notify()

    def beat(self) -> None:
        """A sign of life, with where the rank is; comes by itself once a second."""
        now = self.now
        with self._changed:
            seconds, read = time.monotonic() - self._at, now.samples - self._samples
            if seconds >= BEAT / 2:  # over less time the rate says nothing
                self._rate, self._samples, self._at = read / seconds, now.samples, time.monotonic()
            self._tell_noted()  # for which others may have to give way
            dropped, self._dropped = self._dropped, {}
        for kind, count in dropped.items():
            self.send("dropped", kind=kind, count=count)
        self.send(
            "beat", step=now.step, epoch=now.epoch, phase=now.phase, memory=memory(self.spec.device),
            data_wait=now.data_wait, samples_per_second=self._rate,
        )  # fmt: skip

    def flush(self, timeout: float = 2.0) -> bool:
        """Waits until everything that must not be lost is in the pipe.

        Returns:
            Whether it is; not when the kernel does not read, or is gone.
        """
        until = time.monotonic() + timeout
        with self._changed:
            self._tell_noted()
            if not self._pushed():
                self._changed.notify()
            while (self._sure or self._lossy or self._busy) and self._pipe is not None and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            return not self._sure and not self._busy

    def close(self) -> None:
        """Flushes and ends the thread; what is sent afterwards is lost."""
        self.flush()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(1.0)  # it may hang in a pipe that nobody reads
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # -- under the lock ---------------------------------------------------------------------------------------------

    def _tell_noted(self) -> None:
        """Everything that was only noted until now."""
        if self._noted:
            self._noted_at = time.monotonic()
            self._tell([self._noted.popleft() for _ in range(len(self._noted))])

    def _tell(self, noted: list[tuple[str, float, Mapping[str, Any]]]) -> None:
        """These events: into the file and the queue, and to who listens."""
        messages = [event(kind, self.spec.rank, self.spec.attempt, seq, fields, at) for seq, (kind, at, fields) in enumerate(noted, start=self._seq)]
        said = [json.dumps(message).encode() for message in messages]
        self._write(messages, said)
        if self._pipe is not None:
            for message, one in zip(messages, said, strict=True):
                self._queue(message["seq"], message["k"], one)
        self._seq += len(messages)
        for listener in list(self.listeners):
            try:
                listener(*messages)
            except Exception as error:  # a mistake of ours is no reason to end a training
                self.listeners.remove(listener)
                why = f"{type(error).__name__}: {first_line(error)}"
                self._tell([("note", time.time(), {"text": f"{type(listener).__name__} writes nothing more: {why}"})])

    def _write(self, messages: list[dict[str, Any]], said: list[bytes]) -> None:
        lines = bytearray()
        for message, one in zip(messages, said, strict=True):
            if message["k"] == "log":
                self._printed += len(one)
            if message["k"] != "log" or self._printed <= PRINTED:
                lines += one + b"\n"
        if self._file is not None and lines:
            with contextlib.suppress(OSError):  # a full disk must not end the training; the kernel still hears it
                os.write(self._file, lines)

    def _queue(self, seq: int, kind: str, said: bytes) -> None:
        if kind not in LOSSY:
            self._sure.append((seq, said))
            return
        self._lossy.append((seq, kind, said))
        if len(self._lossy) > WAITING:
            _, oldest, _ = self._lossy.popleft()
            self._dropped[oldest] = self._dropped.get(oldest, 0) + 1

    def _pushed(self) -> bool:
        """Whether all that waits went into the pipe, without waiting for the kernel; the thread does the rest."""
        while self._pipe is not None and (self._lossy or self._sure):
            if self._busy or not _takes(self._pipe) or any(len(one[-1]) > LARGE for queue in (self._lossy, self._sure) for one in queue):
                return False
            self._into_pipe(self._next())
        return True

    def _next(self) -> list[bytes]:
        """The oldest that wait, as many as go into the pipe in one go."""
        taken: list[bytes] = []
        size = 0
        while (self._lossy or self._sure) and size < AT_ONCE:
            early = self._lossy and (not self._sure or self._lossy[0][0] < self._sure[0][0])
            taken.append(self._lossy.popleft()[2] if early else self._sure.popleft()[1])
            size += len(taken[-1])
        return taken

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        beat_at = time.monotonic() + BEAT
        while True:
            with self._changed:
                if time.monotonic() - self._noted_at >= LATE or self._closed:
                    self._tell_noted()
                frames = self._next()
                self._busy = bool(frames)
                if not frames:
                    self._changed.notify_all()
                    if self._closed:
                        return
                    now = time.monotonic()
                    late = self._noted_at + LATE - now
                    self._changed.wait(max(0.0, min(late if late > 0 else LATE, beat_at - now)))
            if frames:
                self._into_pipe(frames)
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + BEAT
                self.beat()

    def _into_pipe(self, frames: list[bytes]) -> None:
        pipe = self._pipe
        try:
            if pipe is not None:
                _sent(pipe, frames)
        except (OSError, ValueError):  # the kernel is gone: whether this process goes too is the guard's business
            with self._changed:
                self._pipe = None
                self._sure.clear()
                self._lossy.clear()


def _takes(pipe: Connection) -> bool:
    """Whether the pipe takes a few kilobytes at once: Linux says so of a socket of which at most a quarter is full."""
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError, ValueError):  # it is closed: writing will tell
        poll = select.poll()
        poll.register(pipe.fileno(), select.POLLOUT)
        return bool(poll.poll(0))
    return True


def _sent(pipe: Connection, frames: list[bytes]) -> None:
    """Several messages as if each had been sent by itself."""
    if len(frames) == 1 or os.name != "posix":
        for frame in frames:
            pipe.send_bytes(frame)
        return
    rest = memoryview(b"".join(part for frame in frames for part in (LENGTH.pack(len(frame)), frame)))
    while rest:
        rest = rest[os.write(pipe.fileno(), rest) :]


def memory(device: str) -> int:
    """Bytes that the rank holds: of the GPU where it has one, else of the process."""
    if device.startswith("cuda") and (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        return int(torch.cuda.memory_allocated(device))
    return int(_process().memory_info().rss)


@functools.cache
def _process() -> Any:
    import psutil

    return psutil.Process()


def _opened(path: os.PathLike[str]) -> int | None:
    """A file to add to; None when it cannot be written."""
    with contextlib.suppress(OSError):
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return None
