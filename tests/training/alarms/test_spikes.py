"""Finite numbers that stand out: a loss worse than at the beginning, a gradient longer than is endured."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.findings import INFO, WARNING
from nbdebug.training.trainer.alarms.spikes import Losses


def told(losses, limit=10.0):
    seen = Losses(limit)
    return [number for number, loss in enumerate(losses) if seen.told(loss) is not None]


def falling(count=200, noise=0.05):
    draw = random.Random(0)
    return [2.3 * 0.98**step + 0.1 + noise * draw.random() for step in range(count)]


def test_a_loss_worse_than_at_the_beginning_is_a_spike():
    losses = falling()
    losses[150] = 30.0
    assert told(losses) == [150]


def test_a_hard_batch_is_none():
    losses = falling(noise=0.001)
    losses[150] = 1.5  # far outside of the spread, and better than an untrained model
    assert told(losses) == []


def test_a_spike_does_not_excuse_the_next():
    losses = falling()
    losses[150] = losses[160] = 30.0
    assert told(losses) == [150, 160]


@pytest.mark.parametrize("noise", [0.05, 0.5, 3.0])
def test_noise_is_none(noise):
    assert told(falling(2000, noise)) == []


def test_a_loss_that_rises_from_the_beginning_is_no_spike():
    assert told([0.1 + 0.01 * step for step in range(300)]) == []


def trained(poisoned, **config):
    torch.manual_seed(0)
    x = torch.randn(400, 4)
    y = x.sum(1, keepdim=True)
    if poisoned:
        x[330] *= 1000
    model = nn.Linear(4, 1)
    loader = DataLoader(TensorDataset(x, y), batch_size=4)
    setup = nbdebug.TrainingSetup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), 1e-3), loader)
    run = nbdebug.launch(setup, num_processes=2, epochs=1, config={"watch": config, "training": {"clip_norm": 1.0}})
    return run.wait(120)


def test_the_step_of_a_spike_is_kept_and_repeats_bit_for_bit():
    run = trained(poisoned=True)
    [finding] = run.findings
    assert (finding.code, finding.severity) == ("ND706", INFO) and finding.location.detail == "step 42 · rank 0"
    assert run.capsules[0].name == "step-42.nbd" and run.replay().result.reproduced
    assert run.state == "done"


def test_without_it_there_is_none():
    assert trained(poisoned=False).findings == []


def test_a_gradient_longer_than_is_endured_is_told_by_the_rank_whose_batch_it_is():
    run = trained(poisoned=True, gradient_norm=1000.0, loss_spike=None)
    [finding] = run.findings
    assert (finding.code, finding.severity) == ("ND503", WARNING) and finding.location.detail == "step 42 · rank 0"
    assert run.replay().result.reproduced


def test_gradients_below_it_are_not_told():
    assert trained(poisoned=False, gradient_norm=1000.0).findings == []
