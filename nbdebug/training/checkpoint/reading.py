"""Reading a checkpoint: what is damaged or foreign is refused with a word, and nothing in a file is ever run."""

from __future__ import annotations

import os
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nbdebug.errors import CheckpointError, first_line
from nbdebug.training.checkpoint.writing import FORMAT, NAMES, VERSION
from nbdebug.training.folder import RunFolder

ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Loaded:
    """The newest checkpoint that is good."""

    path: Path
    state: dict[str, Any]  # its tensors are mapped from the file, and copied where they are written to
    refused: tuple[str, ...] = ()  # what was wrong with the newer ones
    step: int = 0


def newest(where: RunFolder | str | os.PathLike[str]) -> Loaded:
    """The newest good checkpoint of a run; one that is damaged or foreign is refused, and the one before it taken.

    Args:
        where: the run's folder, a folder of checkpoints, or one file, which is then the only one that is asked.

    Raises:
        CheckpointError: there is none, or none is good; says why, one by one.
    """
    place = where.checkpoints if isinstance(where, RunFolder) else Path(where)
    if place.is_file():
        content = opened(place)
        return Loaded(place, content["state"], (), content["step"])
    place = place / "checkpoints" if (place / "checkpoints").is_dir() else place
    paths = sorted(place.glob(NAMES), reverse=True)
    while True:
        refused: list[str] = []
        for path in paths:
            try:
                content = opened(path)
                return Loaded(path, content["state"], tuple(refused), content["step"])
            except CheckpointError as error:
                refused.append(str(error))
        listed, paths = paths, sorted(place.glob(NAMES), reverse=True)
        if paths[:1] == listed[:1]:  # else a run that goes on wrote newer ones meanwhile, and took these away
            raise CheckpointError("; ".join(refused) if refused else f"there is no checkpoint in {place}")


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state in a checkpoint, its tensors mapped from the file.

    Raises:
        CheckpointError: it is not there, damaged, foreign, or of a newer nbdebug.
    """
    return dict(opened(Path(path))["state"])


def opened(path: Path, *, checked: bool = True) -> dict[str, Any]:
    """The whole of a checkpoint, head and state.

    Args:
        checked: whether each byte is read and its check sum compared.
    """
    content = _content(path, checked)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of nbdebug, though torch can read it (a state_dict alone?)")
    if content.get("version") != VERSION:
        raise CheckpointError(f"{path} is of version {content.get('version')}, and this nbdebug reads {VERSION}: update nbdebug")
    if not isinstance(content.get("state"), dict) or not isinstance(content.get("step"), int):
        raise CheckpointError(f"{path} is not whole: it lacks its state or its step")
    return content


def _content(path: Path, checked: bool) -> Any:
    try:
        if checked:
            _demand_whole(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}") from None
    except zipfile.BadZipFile as error:
        whole = _begins_like_one(path)
        raise CheckpointError(f"{path} is damaged: it ends too early" if whole else f"{path} is not a checkpoint of nbdebug") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path} holds more than tensors and plain values, and was not opened") from error
    except OSError as error:
        raise CheckpointError(f"{path} could not be read: {error.strerror or first_line(error)}") from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:  # what torch says of nonsense
        raise CheckpointError(f"{path} is damaged or foreign: {first_line(error)}") from error


def _demand_whole(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError):
        raise
    except Exception as error:  # a bent header leads the reader anywhere
        raise CheckpointError(f"{path} is damaged: {first_line(error)}") from error
    if broken is not None:
        raise CheckpointError(f"{path} is damaged: a check sum does not agree")


def _begins_like_one(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == ZIP
