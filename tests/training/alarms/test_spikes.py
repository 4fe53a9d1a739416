"""Finite numbers that stand out: a loss worse than at the beginning, a gradient longer than is endured."""

from __future__ import annotations

import math
import random
import statistics

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


def test_the_short_way_to_no_says_what_the_long_one_does():
    draw = random.Random(1)
    for limit in (1.0, 3.0, 10.0):
        losses = [draw.gauss(1.0, 0.2) * (draw.choice((1, 1, 1, 5, 50)) if number > 60 else 1) for number in range(400)]
        late, first, expected = [], losses[:10], []
        for number, loss in enumerate(losses):
            median = statistics.median(late) if len(late) >= 30 else math.inf
            spread = 1.4826 * statistics.median(abs(value - median) for value in late) if late else 0.0
            if loss > max(first) > median and loss - median > limit * max(spread, 1e-3 * abs(median)):
                expected.append(number)
            else:
                late = [*late, loss][-100:]
        assert told(losses, limit) == expected and expected


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
    return run.wait(240)


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


def hard(factor, steps=200):
    """Falls to nearly nothing; the sample of step 176 is harder by so much."""
    torch.manual_seed(0)
    x = torch.randn(4 * steps, 4)
    y = x.sum(1, keepdim=True)
    y[4 * 175] += factor
    model = nn.Linear(4, 1)
    return nbdebug.TrainingSetup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), 0.05), DataLoader(TensorDataset(x, y), batch_size=4))


def test_a_resumed_run_knows_where_the_loss_began():
    for factor, expected in ((1.5, []), (60.0, ["ND706"])):
        whole = nbdebug.launch(hard(factor), epochs=1, preflight=False, checkpoint={"every_steps": 100, "keep_last": 9}).wait(240)
        assert [finding.code for finding in whole.findings] == expected
        rest = nbdebug.launch(hard(factor), epochs=1, preflight=False, resume=str(whole.folder.checkpoints / "step-00000100.pt")).wait(240)
        assert [finding.code for finding in rest.findings] == expected  # 1.5 is far above the late losses, and what it was before it learnt anything


def test_of_a_checkpoint_without_that_nothing_is_behind_the_beginning():
    losses = Losses(10.0)
    losses.restore(None)
    assert not any(losses.told(loss) for loss in [0.1] * 60 + [50.0])
    again = Losses(10.0)
    before = Losses(10.0)
    series = falling()
    for loss in series[:150]:
        before.told(loss)
    again.restore(before.state())
    assert again.told(30.0) == before.told(30.0) is not None


def test_what_a_run_found_of_its_ranks_is_said_once_though_it_was_started_again():
    from nbdebug.findings import Finding, Location
    from nbdebug.plain import to_plain
    from nbdebug.training.report import full

    run = nbdebug.launch(hard(0.0), max_steps=4, preflight=False).wait(240)
    for share in (0.7, 0.8):
        run.history.hear({"k": "finding", "finding": to_plain(Finding("ND810", "loader starved", WARNING, f"{share:.0%} of the time", "more workers", Location(detail="train_loader")))})
    assert [finding.message for finding in full(run).told] == ["80% of the time"]
