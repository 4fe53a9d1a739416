"""A run told to MLflow, by a process of its own: it reads the run's files, so that neither the training nor the kernel waits for a store, and how the run
ended is written down even when all others are gone.

    python -m nbdebug.training.record.writers.mlflow FOLDER
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdebug.errors import LaunchError
from nbdebug.training.commands import Tail
from nbdebug.training.folder import RunFolder, write_whole
from nbdebug.training.monitor import DONE, ENDED, INTERRUPTED
from nbdebug.training.record.writing import OF_RANK
from nbdebug.training.search_path import search_path

if TYPE_CHECKING:
    from nbdebug.training.run import Run

LOG, TOLD = "mlflow.log", "mlflow.json"  # in the run's folder: what this process printed; where the run is to be found
EVERY = 0.5  # seconds between two looks at the run's files
STATUS = {DONE: "FINISHED", INTERRUPTED: "KILLED"}  # of MLflow; anything else is FAILED
AT_ONCE, LONGEST, PARAMETERS = 1000, 500, 100  # MLflow's limits: metrics of a batch, characters of a value, parameters of a batch
FORBIDDEN = re.compile(r"[^\w\-. /]")  # in names
WAITS = 600.0  # seconds for another run that opens the same store
NICE = 10  # behind the training, where cores are few


def demand(config: Any) -> None:
    """Raises:
    LaunchError: the configuration asks for MLflow, and it is not installed.
    """
    if config.log.mlflow is not None and (importlib.util.find_spec("mlflow") is None or importlib.util.find_spec("sqlalchemy") is None):
        raise LaunchError("log.mlflow needs MLflow, which is not installed: pip install 'nbdebug[mlflow]', or leave log.mlflow out")


def start(run: Run, config: Any) -> None:
    """Begins to tell MLflow, where the configuration asks for it; what goes wrong becomes a note of the run."""
    if config.log.mlflow is None:
        return
    process = _begun(run.folder)

    def wait() -> None:
        if process.wait():
            lines = (run.folder.path / LOG).read_text(errors="replace").strip().splitlines()
            run.history.note(f"MLflow was not told of this run: {lines[-1] if lines else f'exit code {process.returncode}'}")

    threading.Thread(target=wait, name=f"nbdebug mlflow {run.id}", daemon=True).start()


def of_exported(folder: RunFolder) -> str:
    """The same for a run that no kernel started, called by its first rank; what is in the way, in a sentence."""
    from nbdebug.training.config import read_config

    config = read_config(folder.config)
    try:
        demand(config)
    except LaunchError as error:
        return str(error)
    if config.log.mlflow is not None:
        _begun(folder)
    return ""


def _begun(folder: RunFolder) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", __name__, str(folder.path)]
    environment = {**os.environ, "PYTHONPATH": search_path(), "OMP_NUM_THREADS": "1"}
    with (folder.path / LOG).open("ab") as output:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


# -- the process ----------------------------------------------------------------------------------------------------


def main(path: str) -> None:
    """Tells MLflow of a run until its end."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    from nbdebug.training.record.told import Told

    folder = RunFolder(Path(path))
    store = Store(Told(folder))
    tails = {file: Tail(file) for file in (folder.events(rank) for rank in range(Told(folder).processes))}
    while True:
        about = folder.about()
        ended = is_over(about)  # before the events are read: what they say was written before
        while messages := [message for tail in tails.values() for message in tail.read()]:
            store.hear(messages)
        if ended:
            break
        time.sleep(EVERY)
    store.end(Told(folder))


def is_over(about: Mapping[str, Any]) -> bool:
    """Whether a run has ended, or whoever looked after it is gone."""
    from nbdebug.training.following import lives

    return about.get("state") in ENDED or not lives(about.get("keeper"))


def _alone(uri: str) -> contextlib.AbstractContextManager[Any]:
    """While a store in a file is opened, no other run opens it: MLflow makes its tables one by one, and two at once leave them in pieces."""
    if not uri.startswith("sqlite"):
        return contextlib.nullcontext()
    from filelock import FileLock  # comes with torch

    user = os.getuid() if hasattr(os, "getuid") else ""  # each has a lock of his own: one may not open another's
    name = hashlib.sha256(os.path.realpath(uri.partition("///")[2]).encode()).hexdigest()[:16]
    return FileLock(os.path.join(tempfile.gettempdir(), f"nbdebug-mlflow-{user}-{name}.lock"), timeout=WAITS)


class Store:
    """One run in MLflow."""

    def __init__(self, told: Any) -> None:
        from mlflow.tracking import MlflowClient

        wanted, about = told.config.log.mlflow, told.about
        root = told.folder.path.parent
        uri = wanted.uri or f"sqlite:///{root / 'mlflow.db'}"
        with _alone(uri):
            self._client = MlflowClient(tracking_uri=uri)
            self._experiment = self._of_name(wanted.experiment, None if wanted.uri else (root / "mlflow").as_uri())
        created = int(1000 * float(about.get("created") or time.time()))
        tags = {"nbdebug.run": told.id, "nbdebug.folder": str(told.folder.path)}
        self._id = self._client.create_run(self._experiment, start_time=created, tags=tags, run_name=told.id).info.run_id
        write_whole(told.folder.path / TOLD, json.dumps({"uri": uri, "experiment": wanted.experiment, "run_id": self._id}))
        self._first: int | None = None  # the rank whose metrics count, as in run.metrics
        self._found: dict[str, str] = {}  # code → message
        self._parameters(told)

    def hear(self, messages: list[Mapping[str, Any]]) -> None:
        """Metrics of the first rank that tells any, and findings of all."""
        from mlflow.entities import Metric

        from nbdebug.training.record.writers.tensorboard import scalars

        metrics = []
        for message in sorted(messages, key=lambda message: float(message.get("t", 0.0))):
            if message.get("k") in ("metric", "validation"):
                rank = int(message.get("r", 0))
                self._first = rank if self._first is None else min(self._first, rank)
                at, step = int(1000 * float(message["t"])), int(message.get("step") or 0)
                metrics += [Metric(_named(name), value, at, step) for name, value in scalars(message).items() if rank == self._first]
            elif message.get("k") == "finding":
                self._finding(message["finding"])
        for begin in range(0, len(metrics), AT_ONCE):
            self._client.log_batch(self._id, metrics=metrics[begin : begin + AT_ONCE])

    def end(self, told: Any) -> None:
        """How the run ended, its findings, and the files that say what it was."""
        failure = told.about.get("failure")
        for finding in told.about.get("preflight") or ():
            self._finding(finding)
        tags = {"nbdebug.state": told.state, "nbdebug.findings": ", ".join(sorted(self._found))}
        if isinstance(failure, Mapping):
            tags["nbdebug.failure"] = str(failure.get("sentence", ""))[:LONGEST]
        for name, value in tags.items():
            self._client.set_tag(self._id, name, value)
        for file in (told.folder.record, told.folder.path / OF_RANK, told.folder.config):
            if file.exists():
                self._client.log_artifact(self._id, str(file))
        ended = told.about.get("ended") or (told.started or 0.0) + (told.seconds or 0.0)
        self._client.set_terminated(self._id, STATUS.get(told.state, "FAILED"), end_time=int(1000 * float(ended)))

    def _of_name(self, name: str, artifacts: str | None) -> str:
        """The experiment, which another run may be making at this moment."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name, artifact_location=artifacts))
            except MlflowException:
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _parameters(self, told: Any) -> None:
        """The settings as they applied."""
        from mlflow.entities import Param

        from nbdebug.training.record.comparing.settings import settings

        given = [Param(_named(name), str(value)[:LONGEST]) for name, value in settings(told).items() if value is not None]
        for begin in range(0, len(given), PARAMETERS):
            self._client.log_batch(self._id, params=given[begin : begin + PARAMETERS])

    def _finding(self, finding: Mapping[str, Any]) -> None:
        code, message = str(finding.get("code")), str(finding.get("message"))
        if code not in self._found:
            self._found[code] = message
            self._client.set_tag(self._id, f"nbdebug.finding.{code}", message[:LONGEST])


def _named(name: str) -> str:
    return FORBIDDEN.sub("_", name)


if __name__ == "__main__":
    main(sys.argv[1])
