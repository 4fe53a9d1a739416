"""record.json: what a run was made of. It is written when the run has begun, and never keeps a run from beginning."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbdebug.errors import first_line
from nbdebug.training.events import strict
from nbdebug.training.folder import RunFolder, write_whole
from nbdebug.training.job import SETUP, Job
from nbdebug.training.payload.parts import Shipment

VERSION = 1
OF_RANK = "record-rank0.json"  # of what is made in the ranks: the setup of a factory, the model and the data of a loop of the user's own


def write(folder: RunFolder, job: Job, shipment: Shipment) -> None:
    """Looks at everything and writes it down; what cannot be found out is said in its place."""
    from nbdebug.training.record import data, environment, made_of, repository, sources

    setup = job.what if job.kind == SETUP else None
    facts: dict[str, Callable[[], Any]] = {
        "environment": environment.environment, "git": repository.repository, "sources": lambda: sources.sources(job, folder, shipment),
        "shipped": lambda: [{"name": part.name, "kind": part.kind, "bytes": part.bytes} for part in shipment.parts],
    }  # fmt: skip
    if setup is not None:
        facts |= {"model": lambda: made_of.model_facts(setup.model), "setup": lambda: made_of.setup_facts(setup), "data": lambda: data.data_facts(setup)}
    _written(folder, job.kind, {name: _found(ask) for name, ask in facts.items()})


def write_again(folder: RunFolder, before: RunFolder, kind: str) -> None:
    """Of a run that is given what an earlier one was given: the same, but for the machine that it is on now."""
    from nbdebug.training.record import environment, repository

    facts = {**read(before), "environment": _found(environment.environment), "git": _found(repository.repository)}
    _written(folder, kind, {name: value for name, value in facts.items() if name not in ("version", "kind", "written")})


def read(folder: RunFolder) -> dict[str, Any]:
    """What was written, with what only rank 0 could look at; empty where there is none that can be read."""
    return _read(folder.record) | _read(folder.path / OF_RANK)


def write_in_rank(folder: RunFolder, model: Any = None, setup: Any = None, loaders: Mapping[str, Any] | None = None) -> None:
    """What is made in the ranks, and the kernel does not know; beside what was written before.

    Args:
        setup: a whole one, with its model and its loaders.
        loaders: by name, where there is no setup.
    """
    from nbdebug.training.record import data, made_of

    model = setup.model if setup is not None else model
    facts: dict[str, Any] = {} if model is None else {"model": _found(lambda: made_of.model_facts(model))}
    if setup is not None:
        facts |= {"setup": _found(lambda: made_of.setup_facts(setup)), "data": _found(lambda: data.data_facts(setup))}
    if loaders:
        facts["data"] = {name: _found(lambda name=name, loader=loader: data.loader_facts(loader, name)) for name, loader in loaders.items()}
    path = folder.path / OF_RANK
    known = _read(path)
    together = {**known, **facts, "data": {**known.get("data", {}), **facts.get("data", {})}} if "data" in known or "data" in facts else {**known, **facts}
    with contextlib.suppress(OSError, ValueError):
        write_whole(path, json.dumps(strict(together)))


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(path.read_text()))
    return {}


def _found(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception as error:
        return {"unknown": f"{type(error).__name__}: {first_line(error)}"}


def _written(folder: RunFolder, kind: str, facts: dict[str, Any]) -> None:
    with contextlib.suppress(OSError, ValueError):  # a full disk; the run says so itself
        write_whole(folder.record, json.dumps(strict({"version": VERSION, "kind": kind, "written": time.time(), **facts})))
