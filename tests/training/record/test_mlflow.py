"""MLflow reads what a run told it, from a store beside the runs."""

from __future__ import annotations

import json

import pytest

from nbdebug.errors import LaunchError
from nbdebug.training.config import read_config
from nbdebug.training.record.writers import mlflow
from tests.training.record import made
from tests.training.record.test_listing import FINDING


@pytest.fixture
def main(monkeypatch):
    monkeypatch.setattr(mlflow.os, "nice", lambda by: 0)
    return mlflow.main


def test_parameters_metrics_findings_and_files_are_read_back(tmp_path, main):
    from mlflow.tracking import MlflowClient

    good = made.folder(tmp_path, made.setup(lr=0.5), config={"log": {"mlflow": {"experiment": "digits"}}}, findings=[FINDING], losses=(1.0, float("nan"), 0.5))
    bad = made.folder(tmp_path, state="failed", config={"log": {"mlflow": {"experiment": "digits"}}}, failure={"sentence": "rank 1 was killed"})
    for folder in (good, bad):
        main(str(folder.path))
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    run, other = (client.get_run(json.loads((folder.path / mlflow.TOLD).read_text())["run_id"]) for folder in (good, bad))
    assert run.info.status == "FINISHED" and run.data.params["optimizer.lr"] == "0.5" and run.data.params["optimizer.type"] == "SGD"
    assert [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, "val_loss")] == [(1, 0.9), (2, 0.5)]
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 3
    assert run.data.tags["nbdebug.findings"] == "ND809" and run.data.tags["nbdebug.finding.ND809"] == "rank 1 is slow"
    assert {one.path for one in client.list_artifacts(run.info.run_id)} == {"record.json", "config.yaml"}
    assert other.info.status == "FAILED" and other.data.tags["nbdebug.failure"] == "rank 1 was killed"
    assert client.get_experiment(run.info.experiment_id).name == "digits" and other.info.experiment_id == run.info.experiment_id


def test_two_runs_may_begin_the_store_at_once(tmp_path):
    """MLflow makes the tables of a new file one by one; two at once would leave them in pieces."""
    folders = [made.folder(tmp_path, config={"log": {"mlflow": True}}) for _ in range(2)]
    both = [mlflow._begun(folder) for folder in folders]
    assert [process.wait(240) for process in both] == [0, 0], [(folder.path / mlflow.LOG).read_text()[-500:] for folder in folders]
    assert all((folder.path / mlflow.TOLD).exists() for folder in folders)


def test_a_run_is_over_when_its_kernel_is_gone(tmp_path):
    folder = made.folder(tmp_path, state="running")
    assert not mlflow.is_over(folder.about())
    folder.tell(keeper={**folder.about()["keeper"], "created": 1.0})
    assert mlflow.is_over(folder.about())


def test_without_mlflow_the_launch_says_so(monkeypatch):
    monkeypatch.setattr(mlflow.importlib.util, "find_spec", lambda name: None)
    mlflow.demand(read_config({}))
    with pytest.raises(LaunchError, match="pip install 'nbdebug\\[mlflow\\]'"):
        mlflow.demand(read_config({"log": {"mlflow": True}}))
