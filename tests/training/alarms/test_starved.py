"""A run whose ranks wait for a dataset that is truly slow."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import nbdebug
from nbdebug.training.report import report


class Slow(Dataset):
    """Takes its time for each sample, in one process or in several, or only when it is read for the first time."""

    def __init__(self, seconds, count=8, prepared=False):
        torch.manual_seed(0)
        self.x = torch.randn(count, 4)
        self.seconds, self.ready = seconds, torch.zeros(count, dtype=torch.bool).share_memory_() if prepared else None

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        if self.ready is None or not self.ready[index]:
            time.sleep(self.seconds)
        if self.ready is not None:
            self.ready[index] = True
        return self.x[index], int(self.x[index, 0] > 0)


class Model(nn.Linear):
    """As slow as it is told."""

    def __init__(self, seconds=0.0):
        super().__init__(4, 2)
        self.seconds = seconds

    def forward(self, x):
        time.sleep(self.seconds)
        return super().forward(x)


def launched(dataset, model, *, ranks=1, workers=0):
    loader = DataLoader(dataset, batch_size=2, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    setup = nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)
    return nbdebug.launch(setup, num_processes=ranks, max_steps=70, config={"watch": {"straggler": 0, "layers": 0}, "checkpoint": {"every_epochs": 0}})


@pytest.fixture(scope="module")
def runs():
    """All at once, because they do little but sleep."""
    started = {
        "slow": launched(Slow(0.15, count=120), Model(), ranks=2), "prepared": launched(Slow(0.15, prepared=True), Model()),
        "slow model": launched(Slow(0.06, count=60), Model(0.2)), "workers": launched(Slow(0.06, count=60), Model(0.2), workers=2),
    }  # fmt: skip
    return {name: run.wait(240) for name, run in started.items()}


def codes(run):
    return {finding.code for finding in run.findings}


def test_a_slow_dataset_starves_the_run(runs):
    starved = [finding for finding in runs["slow"].findings if finding.code == "ND810"]
    assert starved and all(finding.evidence["share"] > 0.5 and finding.evidence["seconds"] >= 10.0 for finding in starved)
    assert "train_loader" in str(starved[0].location) and "num_workers" in starved[0].advice
    assert [v.state for v in report(runs["slow"]).verdicts if v.code == "ND810"] == ["found"]


def test_its_mended_twin_prepares_samples_once(runs):
    assert codes(runs["prepared"]) == set()


@pytest.mark.parametrize("name", ["slow model", "workers"])
def test_a_model_that_is_as_slow_and_workers_that_keep_up_are_not_starved(runs, name):
    assert codes(runs[name]) == set()
