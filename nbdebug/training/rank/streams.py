"""What a rank prints, whoever prints it: Python, C code, its workers, a crash.

The output goes straight into output-rank<r>.log, through no hands of ours, so that the last words before a crash are there and nobody waits.
A thread reads the end of the file a few times a second and tells the kernel; where too much is printed, the newest.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

EVERY = 0.2  # seconds between two looks; our choice: reads as if it came at once, and wakes nobody more often than it must
TOLD = 16 << 10  # bytes told of one look, the newest; our choice: 160 KB/s, a few screens
KEPT = 1 << 30  # bytes that the file keeps; our choice: days of ordinary output, and no full disk
LINE_BUFFERED = 1  # _IOLBF of stdio.h, in glibc and on macOS

Told = Callable[[str, int], None]  # the text, and how many lines before it are only in the file


class Streams:
    """Standard output and standard error of this process, both into one file, in the order they were written.

    Args:
        path: the file; what is in it stays.
        told: hears the text as it comes, from a thread.
        kept: bytes after which the file takes no more.
    """

    def __init__(self, path: Path, told: Told, *, kept: int = KEPT) -> None:
        self.path, self._told, self._kept = path, told, kept
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._reader = path.open("rb", buffering=0)
        self._read = os.fstat(self._file).st_size  # bytes told
        self._cut = b""  # the beginning of a character whose end has not come yet
        self._full = False
        self._ended = threading.Event()
        self._lock = threading.Lock()
        _flush()
        os.dup2(self._file, 1)
        os.dup2(self._file, 2)
        sys.stdout, sys.stderr = _text(1), _text(2)
        _c_by_lines()
        self._thread = threading.Thread(target=self._run, name="nbdebug-output", daemon=True)
        self._thread.start()

    @property
    def descriptor(self) -> int:
        """The file, for what must write into it without Python."""
        return self._file

    def flush(self) -> None:
        """Everything printed until now is in the file, and was told."""
        _flush()
        self._look()

    def close(self) -> None:
        """Tells the rest; the process goes on writing into the file."""
        self._ended.set()
        self._thread.join(1.0)
        self.flush()

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            self._look()

    def _look(self) -> None:
        with self._lock:
            size = os.fstat(self._file).st_size
            if size < self._read:  # somebody emptied the file
                self._read = 0
            if size == self._read:
                return
            start = max(self._read, size - TOLD)
            skipped = self._lines(self._read, start)
            new = (self._cut if start == self._read else b"") + self._at(start, size - start)
            self._read, whole = size, _whole(new)
            self._cut = new[whole:]
            if text := new[:whole].decode("utf-8", "replace"):
                self._told(text, skipped)
            if size > self._kept and not self._full:
                self._close_file()

    def _lines(self, start: int, end: int) -> int:
        """How many lines lie between two places of the file."""
        count = 0
        while start < end and (part := self._at(start, min(1 << 20, end - start))):
            count, start = count + part.count(b"\n"), start + len(part)
        return count

    def _at(self, start: int, length: int) -> bytes:
        self._reader.seek(start)
        return self._reader.read(length)

    def _close_file(self) -> None:
        """No more into the file: a full disk would end more than this run."""
        self._full = True
        with contextlib.suppress(OSError):
            os.write(self._file, f"\n[nbdebug: the output ends here, it is longer than {self._kept >> 20} MB]\n".encode())
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _whole(data: bytes) -> int:
    """How many bytes there are up to the end of the last whole character; at most three wait for the rest of theirs.

    Source: RFC 3629, section 3: the first byte of a character says its length, and no other byte begins with 11.
    """
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < needed else len(data)
        if byte < 0x80:
            break
    return len(data)


def _text(descriptor: int) -> io.TextIOWrapper:
    """A text stream that writes line by line: what is printed before a crash must not wait in a buffer."""
    buffered = io.BufferedWriter(_Lenient(descriptor, "w", closefd=False))
    return io.TextIOWrapper(buffered, encoding="utf-8", errors="backslashreplace", line_buffering=True)


class _Lenient(io.FileIO):
    """On a full disk a word is lost, and not the training that said it."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return memoryview(data).nbytes


def _c_by_lines() -> None:
    """C's own buffer too, which is otherwise written only when it is full."""
    with contextlib.suppress(Exception):  # another C library
        libc = ctypes.CDLL(None)
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, LINE_BUFFERED, 0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # None, closed, or the user's own
            stream.flush()
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).fflush(None)
