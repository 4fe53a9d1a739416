"""A run as a folder of its own that torchrun runs unchanged.

    main.py        one rank                         README.md      the three commands
    config.yaml    how it trains                    submit.slurm   the same for SLURM
    payload/       what the ranks are given         sources/       the cells and modules it was made of
    run.json, record.json and all that a run writes, so that `nbdebug.attach(folder)` shows it
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from nbdebug.errors import LaunchError
from nbdebug.source_lines import is_users
from nbdebug.training.beyond import texts
from nbdebug.training.folder import OWNER_ONLY, RunFolder, write_whole
from nbdebug.training.job import Job
from nbdebug.training.payload.arriving import CELLS

if TYPE_CHECKING:
    from nbdebug.training.run import Run

KEPT = ("name", "kind", "created", "plan", "shipped")  # of run.json; how the run went is another run's


def export(run: Run, directory: str | os.PathLike[str], nodes: int = 2) -> Path:
    """Writes the run into a folder that torchrun runs.

    Args:
        directory: new, or empty.
        nodes: that README and submit.slurm speak of.

    Raises:
        LaunchError: there is something in the directory, it cannot be written, or the run's payload is gone.
    """
    path, source = Path(directory).absolute(), run.folder
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise LaunchError(f"{path} is not empty: say a new directory")
    if not any(source.payload.glob("*")):
        raise LaunchError(f"what the run {run.id} was given is not there any more ({source.payload} is empty)")
    target = RunFolder(path)
    try:
        for part in (target.path, target.payload, target.checkpoints):
            part.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        for file in (*source.payload.iterdir(), source.config, source.record):
            if file.is_file():
                shutil.copy2(file, target.path / file.relative_to(source.path))  # with its mode: the payload is the owner's alone
        about = source.about()
        target.tell(id=target.id, state="preparing", engine="torchrun", exported_from=run.id, **{name: about[name] for name in KEPT if name in about})
        equip(target, run.job, nodes)
    except OSError as error:
        raise LaunchError(f"the run cannot be exported to {path}: {error.strerror}") from error
    return path


def equip(folder: RunFolder, job: Job | None, nodes: int) -> None:
    """Puts in what torchrun, SLURM and people need beside what a run's folder has.

    Args:
        job: where it is known; the user's own modules are found from it.
    """
    import nbdebug

    about = folder.about()
    plan = about["plan"]
    processes, name = max(1, len(plan["devices"]) // int(about.get("nodes", 1))), about.get("name") or folder.id
    gpus = any(str(device).startswith("cuda") for device in plan["devices"])
    facts = {
        "name": re.sub(r"\s+", "-", name), "processes": processes, "nodes": nodes, "restarts": texts.RESTARTS, "folder": folder.path.name,
        "python": platform.python_version(), "torch": torch.__version__, "nbdebug": nbdebug.__version__,
        "cpus": processes * int(plan.get("threads", 1)), "gpus": f"#SBATCH --gpus-per-node={processes}\n" if gpus else "",
        "alone": texts.command(*texts.torchrun(processes)), "several": texts.command(*texts.torchrun(processes, nodes, id=folder.id)),
    }  # fmt: skip
    write_whole(folder.path / "main.py", texts.MAIN)
    write_whole(folder.path / "README.md", texts.README.format(**facts))
    write_whole(folder.path / "submit.slurm", texts.SLURM.format(**facts))
    _write_sources(folder, job)


def _write_sources(folder: RunFolder, job: Job | None) -> None:
    """The cells to read, and the modules to import."""
    sources = folder.path / "sources"
    sources.mkdir(exist_ok=True)
    cells = json.loads((folder.payload / CELLS).read_text(encoding="utf-8", errors="surrogatepass"))
    for number, cell in enumerate(cells.values(), 1):
        (sources / f"cell-{cell['number'] or f'of-{number}'}.py").write_text(cell["source"], errors="backslashreplace")
    for name, file in modules_of(job) if job is not None else ():
        at = sources.joinpath(*name.split("."))
        target = at / "__init__.py" if file.name == "__init__.py" else at.with_suffix(".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def modules_of(job: Job) -> Iterator[tuple[str, Path]]:
    """The user's modules that the job needs, those they import, and the packages that they are in."""
    from nbdebug.training import payload

    wanted = [part.name for part in payload.shipped(job).parts if part.kind.startswith("module")]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if name in seen or name == "__main__" or not file or not is_users(compile("", file, "exec")):
            continue
        seen.add(name)
        yield name, Path(file)
        wanted += [*_imported(module), *([name.rpartition(".")[0]] if "." in name else ())]


def _imported(module: Any) -> Iterator[str]:
    for value in list(vars(module).values()):
        yield value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", ""))
