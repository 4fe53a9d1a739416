"""Writing a payload: one pass, one file, the owner's alone; what cannot be shipped is named."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from nbdebug.errors import LaunchError
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import Job
from nbdebug.training.payload.arriving import Surroundings, write_cells
from nbdebug.training.payload.by_value import PROTOCOL, Record, recording
from nbdebug.training.payload.parts import Shipment, parts_of, size
from nbdebug.training.payload.reading import NAME
from nbdebug.training.payload.unshippable import refusal


def write(folder: RunFolder, job: Job) -> Shipment:
    """Writes payload/job.pt, readable for its owner alone, whole or not there.

    Raises:
        LaunchError: something in the job cannot be shipped, which is named; or the file cannot be written.
    """
    record, path = Record(), folder.payload / NAME
    with _replacing(path) as file:
        try:
            with _without_crc():
                torch.save((Surroundings(), job, record), file, pickle_module=recording(record), pickle_protocol=PROTOCOL)
        except Exception as error:
            if file.failed is None:
                raise refusal(job, error) from error
            raise LaunchError(f"what is shipped to the ranks could not be written to {path}: {file.failed.strerror or file.failed}") from error
    write_cells(folder.payload, record.codes.values())
    return Shipment(file.hashed.hexdigest(), file.bytes, parts_of(job, record), tuple(sorted(record.names)))


def shipped(job: Job) -> Shipment:
    """What would be shipped, biggest first, without writing anything.

    Raises:
        LaunchError: something cannot be, which is named.
    """
    record = Record()
    try:
        bytes_ = size((job, record), record)
    except Exception as error:
        raise refusal(job, error) from error
    return Shipment("", bytes_, parts_of(job, record), tuple(sorted(record.names)))


class Hashing(io.RawIOBase):
    """A file that knows the sha256 of what was written to it, and why it could not be written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.hashed = hashlib.sha256()
        self.bytes = 0
        self.failed: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """All of it, or an error."""
        with memoryview(data).cast("B") as view:
            self.hashed.update(view)
            at = 0
            while at < len(view):
                try:
                    at += os.write(self._descriptor, view[at:])
                except OSError as error:
                    self.failed = error
                    raise
            self.bytes += at
            return at


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Hashing]:
    """A new file that takes the name at the end."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise LaunchError(f"what is shipped to the ranks cannot be written into {path.parent}: {error.strerror}") from error
    try:
        try:
            yield Hashing(descriptor)
        finally:
            os.close(descriptor)
        os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)


@contextlib.contextmanager
def _without_crc() -> Iterator[None]:
    """The digest says more, and is made anyway."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)
