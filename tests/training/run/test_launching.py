"""What is wrong is said before a process starts, and nothing is left of it."""

from __future__ import annotations

import threading

import psutil
import pytest
import torch
from torch import nn

import nbdebug
from nbdebug.errors import CheckpointError, ConfigError, LaunchError
from nbdebug.training.launching import launch
from nbdebug.training.local import server
from tests.training.run import trainings


def refused(runs_dir, match, *args, error=LaunchError, **options):
    children = {p.pid for p in psutil.Process().children(recursive=True)}
    with pytest.raises(error, match=match):
        launch(*args, **options)
    assert {p.pid for p in psutil.Process().children(recursive=True)} <= children
    assert not list(runs_dir.glob("*/run.json"))


@pytest.mark.parametrize("count", [0, -1, 2.5, True, "2"])
def test_a_number_of_processes_that_cannot_be(runs_dir, count):
    refused(runs_dir, "num_processes must be a whole number from 1", trainings.setup(), num_processes=count)


def test_more_processes_than_make_sense(runs_dir):
    refused(runs_dir, "10000 processes on .* cores would only wait for each other: take at most", trainings.setup(), num_processes=10_000)
    refused(runs_dir, "would only wait", trainings.setup(), config={"launch": {"num_processes": 10_000}})
    assert not list(runs_dir.glob("*"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there(runs_dir):
    refused(runs_dir, "torch sees no GPU", trainings.setup(), device="cuda")


def test_more_processes_than_gpus(runs_dir, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    refused(runs_dir, "2 processes need 2 GPUs, and torch sees 1", trainings.setup(), device="cuda", num_processes=2)


def test_a_backend_for_another_device(runs_dir):
    refused(runs_dir, "'nccl' is for GPUs", trainings.setup(), error=ConfigError, backend="nccl")


def test_a_precision_that_the_device_does_not_have(runs_dir, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "of 2016")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    refused(runs_dir, r"this GPU \(of 2016\) has no bfloat16: take precision='16-mixed'", trainings.setup(), device="cuda", precision="bf16-mixed")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    refused(runs_dir, "this GPU has no float64", trainings.setup(), device="mps", precision="64-true")


def test_a_configuration_with_a_typo(runs_dir):
    refused(runs_dir, "epochs", trainings.setup(), error=ConfigError, epoch=3)
    refused(runs_dir, "precision", trainings.setup(), error=ConfigError, precision="fp13")


@pytest.mark.parametrize(
    "job, match",
    [
        (nn.Linear(1, 1), r"trains a setup, not a model alone: .*TrainingSetup\(model=Linear"),
        (3, "got int"),
        (None, "launch needs what is to be trained"),
    ],
)
def test_what_cannot_be_trained(runs_dir, job, match):
    refused(runs_dir, match, job)


def test_what_cannot_be_shipped_leaves_no_folder(runs_dir):
    lock = threading.Lock()
    server.ahead("auto")  # which a launch leaves warm, whatever becomes of it
    refused(runs_dir, "lock", lambda: (lock, trainings.setup())[1])
    assert not list(runs_dir.glob("*"))


def test_a_place_where_no_folder_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LaunchError, match="no folder for the run can be made in .*runs_dir="):
        launch(trainings.setup(), runs_dir=tmp_path / "file")


def test_an_engine_that_does_not_exist(runs_dir):
    refused(runs_dir, "engine 'cloud'", trainings.setup(), engine="cloud")


def test_arguments_for_what_takes_none(runs_dir):
    refused(runs_dir, "only a loop of your own", trainings.setup(), 3)


def test_nothing_to_resume(runs_dir):
    refused(runs_dir, "there is nothing to resume", trainings.setup(), error=CheckpointError, resume="last")
    refused(runs_dir, "there are no runs in", trainings.setup(), resume="20250101-000000")


def test_the_names_are_public():
    assert nbdebug.launch is launch and nbdebug.Run.__name__ == "Run"
    with pytest.raises(LaunchError, match="no runs"):
        nbdebug.attach()


def test_an_interrupt_before_the_run_is_in_hand_leaves_nothing(runs_dir, monkeypatch):
    from nbdebug.training.local.engine import Engine, _running

    start = Engine.start

    def interrupted(self):
        start(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launch(trainings.steps, 10**7, num_processes=2)
    assert not list(runs_dir.glob("*")) and not _running
