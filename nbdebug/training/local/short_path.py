"""Folders for a moment's files, where sockets may lie too: their paths end at 107 bytes (103 on a Mac), and a job of a cluster often has a deep TMPDIR."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from multiprocessing import process, util
from pathlib import Path

import psutil

from nbdebug.errors import LaunchError

LONGEST = 50  # bytes of a folder, below which there are to be "/nbdebug-server-4194304-xxxxxxxx/listener-xxxxxxxx", 50 of them
INSTEAD = ("/tmp", "/var/tmp", "/dev/shm")
PREFIX = "nbdebug-"  # then what it is for, and the process that made it
OLD = 3600.0  # seconds after which the folder of a process that is not there is nobody's; our choice: another container may count its processes anew


_made: dict[Path, util.Finalize] = {}


def home() -> str | None:
    """Another folder for temporary files, short enough for sockets; None where the usual one is.

    Raises:
        LaunchError: there is none.
    """
    usual = tempfile.gettempdir()
    if os.name != "posix" or len(os.fsencode(usual)) <= LONGEST:
        return None
    for place in INSTEAD:
        if os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return place
    raise LaunchError(f"the folder for temporary files, {usual}, has too long a path for sockets, and none can be made in {' or '.join(INSTEAD)}: set TMPDIR to a shorter one")


def folder(what: str) -> Path:
    """A new one, for its owner alone, which goes when this process ends; those that killed processes have left go now."""
    place = home()
    _clear_away(Path(place or tempfile.gettempdir()), what)
    made = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{what}-{os.getpid()}-", dir=place))
    _made[made] = util.Finalize(None, shutil.rmtree, args=(made,), kwargs={"ignore_errors": True}, exitpriority=-100)
    return made


def leave(path: Path) -> None:
    """It goes now."""
    _made.pop(path)()


def arrange() -> None:
    """In a rank: the sockets by which its workers hand over tensors get a folder of their own where the usual one is too deep."""
    if home() is not None:
        process.current_process()._config["tempdir"] = str(folder("rank"))  # type: ignore[attr-defined]  # where multiprocessing looks first


def _clear_away(place: Path, what: str) -> None:
    with contextlib.suppress(OSError):
        for left in place.glob(f"{PREFIX}{what}-*-*"):
            pid = left.name.removeprefix(f"{PREFIX}{what}-").split("-")[0]
            with contextlib.suppress(OSError):  # another user's
                if pid.isdecimal() and not psutil.pid_exists(int(pid)) and time.time() - left.stat().st_mtime > OLD:
                    shutil.rmtree(left, ignore_errors=True)
