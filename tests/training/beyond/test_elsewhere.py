"""What a run without a kernel still does: it tells MLflow, and a run that is resumed goes to the engine that was said."""

from __future__ import annotations

import json
import subprocess

import nbdebug
from nbdebug.training.record.writers import mlflow
from nbdebug.training.run import known
from tests.training.beyond.test_torchrun import TORCHRUN, environment, same
from tests.training.conftest import wait_for
from tests.training.run import trainings


def test_an_exported_run_tells_mlflow(tmp_path, monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)  # where MLflow keeps files of a store that it was told of
    uri = f"sqlite:///{tmp_path / 'store.db'}"
    run = nbdebug.launch(trainings.setup(), epochs=1, runs_dir=tmp_path / "runs", log={"mlflow": {"uri": uri}}, wait=True)
    folder = run.export(tmp_path / "exported")
    done = subprocess.run([*TORCHRUN, "--standalone", "--nproc-per-node=1", "main.py"], cwd=folder, env=environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    wait_for((folder / mlflow.TOLD).exists)
    told = json.loads((folder / mlflow.TOLD).read_text())
    client = MlflowClient(uri)
    wait_for(lambda: client.get_run(told["run_id"]).info.status == "FINISHED")
    assert len(client.get_metric_history(told["run_id"], "loss")) == len(run.metrics["loss"].dropna())


def test_a_run_that_is_resumed_goes_where_it_is_told(tmp_path):
    setup = trainings.setup()
    run = nbdebug.launch(setup, epochs=1, runs_dir=tmp_path, wait=True)
    known.pop(str(run.folder.path))  # as in another kernel
    again = nbdebug.launch(resume=run.id, engine="torchrun", runs_dir=tmp_path, wait=True)
    assert again.folder.about().get("engine") == "torchrun" and again.state == "done"
    assert same(again.folder.weights, setup.model)
