"""Writing a checkpoint so that under its name there is a whole file or none, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from nbdebug.errors import CheckpointError, first_line
from nbdebug.training.checkpoint.plainness import plain
from nbdebug.training.folder import RunFolder

FORMAT, VERSION = "nbdebug checkpoint", 1
NAMES = "step-*.pt"
UNFINISHED = ".unfinished-"  # begins the name of a file that is being written


def save(folder: RunFolder, step: int, state: Mapping[str, Any], *, metrics: Mapping[str, float] | None = None, number: int = 0) -> Path:
    """Writes `step-<step>.pt` into the run's folder.

    Args:
        metrics: as they were measured at this very step; by them the best are known.
        number: the how-manieth of the run it is, from 1; by it each n-th is known.

    Raises:
        CheckpointError: the disk is full or read-only, or the state holds more than tensors and plain values; says what is still there.
    """
    path = folder.checkpoints / f"step-{step:08d}.pt"
    head = {"format": FORMAT, "version": VERSION, "step": step, "torch": str(torch.__version__), "metrics": dict(metrics or {}), "number": number}
    try:
        return write(path, {**head, "state": state})
    except CheckpointError as error:
        good = sorted(folder.checkpoints.glob(NAMES))
        kept = f"{good[-1].name} is still there" if good else "there is none before it"
        raise CheckpointError(f"the checkpoint of step {step} was not written: {error}; {kept}") from error


def write(path: Path, content: Mapping[str, Any]) -> Path:
    """Any dict of tensors and plain values as one file, with check sums: weights and snapshots are written so too."""
    content, unfinished = plain(content, ""), ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_unfinished(path)
        handle, unfinished = tempfile.mkstemp(prefix=f"{UNFINISHED}{path.name}-", dir=path.parent)  # for the owner alone
        with os.fdopen(handle, "wb") as file, _with_checksums():
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _to_disk(path.parent)
    except (OSError, RuntimeError) as error:  # torch's own writer says RuntimeError when the disk is full
        raise CheckpointError(f"{path}: {_reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            if unfinished and os.path.exists(unfinished):
                os.remove(unfinished)
    return path


def _clear_unfinished(path: Path) -> None:
    """What a writer left that was killed; there is one writer of a name at a time."""
    for left in path.parent.glob(f"{UNFINISHED}{path.name.split('-')[0]}*"):
        left.unlink(missing_ok=True)


def _reason(error: BaseException | None) -> str:
    """What the system said, which torch's writer wraps."""
    told = error
    while told is not None and not isinstance(told, OSError):
        told = told.__cause__ or told.__context__
    if isinstance(told, OSError) and told.strerror:
        return told.strerror
    return first_line(error) if error is not None else ""


@contextlib.contextmanager
def _with_checksums() -> Iterator[None]:
    """Whatever the user has set: by them damage is seen."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(True)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def _to_disk(folder: Path) -> None:
    """The new name too, not only what it names."""
    with contextlib.suppress(OSError):  # not every file system, and not Windows, opens a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
