"""record.json: what a run was made of. It is written when the run has begun, and never keeps a run from beginning."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from nbdebug.errors import first_line
from nbdebug.training.events import strict
from nbdebug.training.folder import RunFolder, write_whole
from nbdebug.training.job import SETUP, Job
from nbdebug.training.payload.parts import Shipment

VERSION = 1


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
    """What was written; empty where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(folder.record.read_text()))
    return {}


def _found(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception as error:
        return {"unknown": f"{type(error).__name__}: {first_line(error)}"}


def _written(folder: RunFolder, kind: str, facts: dict[str, Any]) -> None:
    with contextlib.suppress(OSError, ValueError):  # a full disk; the run says so itself
        write_whole(folder.record, json.dumps(strict({"version": VERSION, "kind": kind, "written": time.time(), **facts})))
