"""Finding a run again: by its id, from the files that it left or is writing."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from nbdebug.errors import CheckpointError, LaunchError
from nbdebug.training.folder import RunFolder, runs_root
from nbdebug.training.run import Run, known

LAST = "last"


@dataclass(frozen=True)
class Source:
    """The checkpoint to go on from."""

    path: Path
    folder: RunFolder | None  # of its run, where it lies in one
    refused: tuple[str, ...] = ()  # what was wrong with newer ones


def attach(id: str | os.PathLike[str] = LAST, runs_dir: str | os.PathLike[str] | None = None) -> Run:
    """A run, whoever launched it and whether or not it still goes on.

    One that goes on can be watched, stopped and asked as if it had been launched here; of one that is over everything that it told is there.

    Args:
        id: "last", the id of a run or the beginning of one, or its folder.
        runs_dir: where runs are kept; None: `nbdebug_runs`, or $NBDEBUG_RUNS.

    Raises:
        LaunchError: there is no such run.
    """
    from nbdebug.training.following import Follower

    folder = found(id, runs_dir)
    here = known.get(str(folder.path))
    if here is not None:
        return here
    run = Run(folder)
    return run.kept_by(Follower(folder, changed=run.changed))


def found(id: str | os.PathLike[str], runs_dir: str | os.PathLike[str] | None = None) -> RunFolder:
    """The folder of a run.

    Raises:
        LaunchError: there is none, or several may be meant.
    """
    if Path(id).is_dir() and (Path(id) / "run.json").is_file():
        return RunFolder(Path(id).absolute())
    root = runs_root(runs_dir)
    runs = sorted((path.parent for path in root.glob("*/run.json")), key=_created)
    if not runs:
        raise LaunchError(f"there are no runs in {root}")
    if id == LAST:
        return RunFolder(runs[-1])
    named = [path for path in runs if path.name == id] or [path for path in runs if path.name.startswith(str(id))]
    if len(named) != 1:
        what = f"{len(named)} runs in {root} begin with {str(id)!r}" if named else f"there is no run {str(id)!r} in {root}"
        raise LaunchError(f"{what}; the last ones are {', '.join(path.name for path in (named or runs)[-3:])}")
    return RunFolder(named[0])


def checkpoint_of(resume: str | os.PathLike[str] | Run, runs_dir: str | os.PathLike[str] | None = None) -> Source:
    """The newest good checkpoint of what is to be resumed; "last" is the last run that has one.

    Raises:
        LaunchError: there is no such run.
        CheckpointError: it has no good checkpoint; says what is wrong with each.
    """
    from nbdebug.training import checkpoint

    if isinstance(resume, Run):
        resume = resume.folder.path
    if Path(resume).is_file():
        run = Path(resume).absolute().parent.parent
        return Source(checkpoint.newest(resume).path.absolute(), RunFolder(run) if (run / "run.json").is_file() else None)
    folders = _last_first(runs_dir) if resume == LAST else [found(resume, runs_dir)]
    why = ""
    for folder in folders:
        try:
            loaded = checkpoint.newest(folder)
        except CheckpointError as error:
            why = why or str(error)
            continue
        return Source(loaded.path, folder, loaded.refused)
    raise CheckpointError(f"there is nothing to resume: {why or f'no run in {runs_root(runs_dir)}'}")


def linked(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """The same file under another name, without a copy where the disk allows."""
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    shutil.copyfile(source, target)


def _last_first(runs_dir: str | os.PathLike[str] | None) -> list[RunFolder]:
    runs = sorted((path.parent for path in runs_root(runs_dir).glob("*/run.json")), key=_created, reverse=True)
    return [RunFolder(path) for path in runs]


def _created(path: Path) -> tuple[float, str]:
    return float(RunFolder(path).about().get("created", 0.0)), path.name
