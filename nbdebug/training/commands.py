"""Wishes from elsewhere: lines of JSON that are added to a file in the run's folder, which only its owner can write.

    {"v": 1, "k": "stop", "reason": "…", "t": 1763728441.2}

Whoever looks after the ranks reads it (the kernel that launched them, the process of a detached run), and so does a rank without a pipe.
There is no socket that somebody else could find.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbdebug.training.folder import RunFolder

NAME = "commands.jsonl"
AT_ONCE = 4 << 20  # bytes read in one go


def wish(folder: RunFolder, message: Mapping[str, Any]) -> None:
    """Adds one wish.

    Raises:
        OSError: the folder cannot be written.
    """
    line = json.dumps({**message, "t": time.time()}) + "\n"
    descriptor = os.open(folder.path / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class Tail:
    """The lines of JSON that are added to a file, each once.

    Args:
        from_start: also those that stand there already.
    """

    def __init__(self, path: Path, *, from_start: bool = True) -> None:
        self.path = path
        self._at = 0 if from_start else self._size()
        self._rest = b""

    def read(self) -> list[dict[str, Any]]:
        """Whole lines since the last time; a line that cannot be read is left out."""
        if self._size() <= self._at:
            return []
        try:
            with self.path.open("rb") as file:
                file.seek(self._at)
                new = file.read(AT_ONCE)
        except OSError:  # it is not there any more
            return []
        self._at += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [message for line in lines if isinstance(message := _parsed(line), dict)]

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
