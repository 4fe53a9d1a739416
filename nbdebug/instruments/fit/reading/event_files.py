"""Curves out of TensorBoard's event files: one file, or the folder of one run."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from nbdebug.errors import SetupError, first_line
from nbdebug.instruments.fit.reading.columns import SHORT, Columns
from nbdebug.instruments.fit.result import Course

SPLITS = re.compile(r"(^|[_\-. ])(train|training|val|valid|validation|eval|evaluation|test)($|[_\-. ])", re.IGNORECASE)
Scalars = dict[str, dict[float, float]]  # tag → step → value


def is_event_file(path: Path) -> bool:
    return "tfevents" in path.name and path.is_file()


def read_events(path: Path) -> Columns:
    """The scalars of one run.

    A folder may have other folders for its splits or its tags, as keras' callback and `add_scalars` write them.

    Raises:
        SetupError: tensorboard is not installed, a file is damaged, or there are several runs.
    """
    files = [path] if path.is_file() else sorted(filter(is_event_file, path.rglob("*")))
    root = path.parent if path.is_file() else path
    by_folder: dict[Path, list[Path]] = {}
    for file in files:
        by_folder.setdefault(file.parent, []).append(file)
    scalars: Scalars = {}
    for folder, within in by_folder.items():
        name = str(folder.relative_to(root)) if folder != root else ""
        if len(by_folder) > 1 and name and not _is_of_the_run(folder, list(by_folder)):
            raise _several(root, list(by_folder))
        run = _run(within)
        scalars |= {_tag(name, tag, len(by_folder) > 1): points for tag, points in run.items()}
    courses = {tag: Course(tag, tuple(sorted(p)), tuple(p[s] for s in sorted(p))) for tag, p in scalars.items() if len(p) >= SHORT}
    courses.pop("epoch", None)  # Lightning logs it beside the losses
    about = f"{path.name}, {len(files)} event file{'s' * (len(files) != 1)}"
    return Columns(about, "epoch" if courses and all("epoch_" in tag for tag in courses) else "step", courses)


def _is_of_the_run(folder: Path, folders: list[Path]) -> bool:
    """Whether it is a split beside other splits, or below the one folder that all others are below."""
    siblings = [other for other in folders if other.parent == folder.parent]
    named = [bool(SPLITS.search(other.name)) for other in siblings]
    return all(named) or (folder.parent in folders and any(named))


def _tag(folder: str, tag: str, several: bool) -> str:
    """The name of a column; `add_scalars("loss", …)` writes the tag "loss" into the folder "loss_train"."""
    return f"{folder}/{tag}" if several and folder and folder != "." else tag


def _several(root: Path, folders: list[Path]) -> SetupError:
    listed = ", ".join(str(folder.relative_to(root)) for folder in folders[:5])
    return SetupError(f"{root} holds {len(folders)} runs: {listed}{' …' if len(folders) > 5 else ''}: pass the path of one")


def _run(files: list[Path]) -> Scalars:
    """The files of one folder, the later ones over the earlier from where they go on."""
    found: Scalars = {}
    for i, file in enumerate(files):
        for tag, points in _scalars(file).items():
            known = found.get(tag, {})
            if known and points and len(points) > 1 and min(points) <= min(known):
                raise SetupError(f"{file.parent} holds {len(files)} runs, {files[i - 1].name} and {file.name} among them: pass the path of one event file")
            found[tag] = {step: value for step, value in known.items() if not points or step < min(points)} | points
    return found


def _scalars(file: Path) -> Scalars:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util import tensor_util
    except ImportError:
        raise SetupError('event files need the package tensorboard, which is not installed: pip install tensorboard') from None
    logger = logging.getLogger("tensorboard")
    level, logger.level = logger.level, logging.ERROR
    try:
        events: Any = EventAccumulator(str(file), size_guidance={"scalars": 0, "tensors": 0, "histograms": 1, "images": 1, "audio": 1})
        events.Reload()
    except Exception as error:  # a file that is no event file, or was cut in the middle of a record
        raise SetupError(f"{file.name} cannot be read as TensorBoard's events: {type(error).__name__}: {first_line(error)}") from None
    finally:
        logger.level = level
    tags = events.Tags()
    found = {tag: {float(e.step): float(e.value) for e in events.Scalars(tag)} for tag in tags["scalars"]}
    for tag in tags["tensors"]:  # TensorFlow 2 writes scalars as tensors
        arrays = [(e.step, tensor_util.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        if all(array.size == 1 and array.dtype.kind in "fiu" for _, array in arrays):
            found[tag] = {float(step): float(array.item()) for step, array in arrays}
    return found
