"""Reading a payload in a rank: nothing is unpickled before it is known to be what the kernel wrote."""

from __future__ import annotations

import hashlib
import mmap
import os
import pickle
import stat
from pathlib import Path

import torch

from nbdebug.errors import LaunchError
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import Job
from nbdebug.training.payload import workers
from nbdebug.training.payload.arriving import Delivered, read_cells

NAME = "job.pt"
PART = 8 << 20  # bytes hashed at a time


def read(folder: RunFolder, digest: str) -> Job:
    """The job of a run, its tensors mapped from the file and copied where they are written to.

    Raises:
        LaunchError: it is not there, others than its owner can write it, or it is not what the kernel wrote.
        Exception: whatever the user's own classes raise while they are unpickled.
    """
    return load(folder.payload / NAME, digest)


def load(path: Path, digest: str) -> Job:
    """As `read`, for one file."""
    _demand_owned(path)
    if digest_of(path) != digest:
        raise LaunchError(f"{path} is not what the kernel wrote (its sha256 differs): launch again")
    read_cells(path.parent)
    _, job, delivered = torch.load(path, map_location="cpu", pickle_module=pickle, weights_only=False, mmap=True)
    assert isinstance(job, Job) and isinstance(delivered, Delivered)
    delivered.arrive()
    workers.remember(path, digest, delivered)
    return job


def digest_of(path: Path) -> str:
    """The sha256 of a file, read through a mapping: the pages are shared with whoever reads them next."""
    hashed = hashlib.sha256()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole, memoryview(whole) as view:
        for start in range(0, len(view), PART):
            with view[start : start + PART] as part:
                hashed.update(part)
    return hashed.hexdigest()


def _demand_owned(path: Path) -> None:
    try:
        told = path.stat()
    except OSError as error:
        raise LaunchError(f"the run's payload {path} cannot be read: {error.strerror}") from error
    if hasattr(os, "getuid") and (told.st_uid != os.getuid() or told.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise LaunchError(f"{path} can be written by others than you, and what is in it would be run: launch again")
