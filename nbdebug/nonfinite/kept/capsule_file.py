"""One file of tensors and plain values: written whole or not at all, read without running anything."""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any

import torch

from nbdebug.errors import CapsuleError, first_line

SUFFIX = ".nbd"
MEANT = "is not a capsule of nbdebug"


def saved(content: dict[str, Any], path: str) -> str:
    """Atomic: under its name there is the whole file or the one that was there before."""
    directory, temporary = os.path.dirname(path) or ".", ""
    try:
        os.makedirs(directory, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".nbdebug-", suffix=SUFFIX, dir=directory)  # for the owner alone
        with os.fdopen(handle, "wb") as file, _checksums():
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch's own writer says RuntimeError when the disk is full
        reason = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        raise CapsuleError(f"the failing step could not be written to {path}: {reason}. Say another directory with capsule=...") from error
    finally:
        with contextlib.suppress(OSError):
            if temporary and os.path.exists(temporary):
                os.remove(temporary)
    return path


@contextlib.contextmanager
def _checksums() -> Iterator[None]:
    """With check sums in the file, whatever the user has set: by them damage is seen."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(True)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def loaded(path: str) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise CapsuleError(f"{path} is damaged: a check sum does not agree")
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CapsuleError(f"there is no file {path}") from None
    except (zipfile.BadZipFile, EOFError) as error:
        whole = _begins_like_one(path)
        raise CapsuleError(f"{path} is damaged: it ends too early" if whole else f"{path} {MEANT}") from error
    except OSError as error:
        raise CapsuleError(f"{path} could not be read: {error.strerror or first_line(error)}") from error
    except CapsuleError:
        raise
    except Exception as error:  # an unpickler that meets what it does not allow, or nonsense
        raise CapsuleError(f"{path} {MEANT}, or damaged: it holds more than tensors and plain values, and was not opened") from error


def _begins_like_one(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"
