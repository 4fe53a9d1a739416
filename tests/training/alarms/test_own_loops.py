"""Loops of the user's own: a wrapper that is passed by, a number that is not finite."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import nbdebug
from nbdebug.errors import RankFailed
from tests.training.alarms import trainings


def steps(ctx, way, count=6):
    model = nn.Linear(4, 2)
    wrapped = ctx.wrap(model)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    for step in range(1, count + 1):
        optimizer.zero_grad()
        way(model, wrapped, torch.randn(8, 4)).pow(2).mean().backward()
        optimizer.step()
        ctx.log(step=step, loss=0.0)


def past(model, wrapped, x):
    return model(x)  # past the wrapper


def inner(model, wrapped, x):
    return wrapped.module(x)


def through(model, wrapped, x):
    return wrapped(x)


def beside(model, wrapped, x):
    with torch.no_grad():
        model(x)
    return wrapped(x) + 0.1 * model(x + 1).detach()


@pytest.mark.parametrize("way", [past, inner])
def test_a_wrapper_that_is_passed_by_is_named(way):
    run = nbdebug.launch(steps, way, num_processes=2).wait(240)
    [finding] = run.findings
    assert finding.code == "ND802" and finding.location.line is not None and finding.location.file.endswith("test_own_loops.py")
    if way is past:
        assert finding.location.text.startswith("return model(x)")


@pytest.mark.parametrize("way", [through, beside])
def test_calls_beside_it_are_no_trouble(way):
    assert nbdebug.launch(steps, way, num_processes=2).wait(240).findings == []


def test_one_process_has_nothing_to_average():
    assert nbdebug.launch(steps, past, num_processes=1).wait(240).findings == []


def own(ctx, act):
    torch.manual_seed(0)
    model = ctx.wrap(trainings.Net(act))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    loss_fn = nn.CrossEntropyLoss()
    for step, (x, y) in enumerate(DataLoader(trainings.samples(), batch_size=4), start=1):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        ctx.log(step=step, loss=loss.detach())


def test_a_nan_in_a_loop_of_ones_own_is_found_and_kept():
    run = nbdebug.launch(own, trainings.divides)
    with pytest.raises(RankFailed, match="NotFinite"):
        run.wait(240)
    [finding] = run.findings
    assert finding.code == "ND308" and finding.location.text.startswith("return h / x.abs()")
    torch.manual_seed(0)
    model = trainings.Net(trainings.divides)
    setup = nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), 1e-2))
    report = nbdebug.replay(run.capsules[0], setup)
    assert report.result.reproduced and [f.code for f in report.findings] == ["ND308"]


def test_a_sound_one_is_silent():
    assert nbdebug.launch(own, trainings.divides_safely).wait(240).findings == []
