"""The rate that a schedule goes up to, read in advance of copies."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.optim import lr_scheduler

from nbdebug.coming_rates import coming_rates
from nbdebug.findings import INFO
from nbdebug.instruments.overfit import overfit
from tests.patients.parts import mlp, training


def noam(optimizer):
    """As in the first transformers: the optimizer's own rate is 1, and means nothing."""
    return lr_scheduler.LambdaLR(optimizer, lambda step: 32**-0.5 * min((step + 1) ** -0.5, (step + 1) * 400**-1.5))


def one_cycle(optimizer):
    return lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=500, div_factor=1e5)


def one_after_the_other(optimizer):
    warm = lr_scheduler.LinearLR(optimizer, 1e-4, total_iters=100)
    return lr_scheduler.SequentialLR(optimizer, [warm, lr_scheduler.CosineAnnealingLR(optimizer, 400)], [100])


def range_test(optimizer):
    return lr_scheduler.ExponentialLR(optimizer, 1.1)


def on_plateau(optimizer):
    return lr_scheduler.ReduceLROnPlateau(optimizer)


def with_schedule(schedule, lr):
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    return training(model, optimizer=optimizer, scheduler=schedule(optimizer) if schedule is not None else None)


@pytest.mark.parametrize(
    ("schedule", "lr", "top"),
    [
        (noam, 1.0, (32 * 400) ** -0.5), (one_cycle, 1e-3, 1e-2), (one_after_the_other, 1e-2, 1e-2),
        (range_test, 1e-6, 1e-6), (on_plateau, 1e-2, 1e-2), (None, 1e-2, 1e-2),
    ],
)  # fmt: skip
def test_what_a_schedule_goes_up_to(schedule, lr, top):
    setup = with_schedule(schedule, lr)
    before = [copy.deepcopy(setup.optimizer.state_dict()), setup.schedulers and copy.deepcopy(setup.scheduler.state_dict())]
    assert [rate for _, rate in coming_rates(setup)] == pytest.approx([top], rel=1e-3)
    after = [setup.optimizer.state_dict(), setup.schedulers and setup.scheduler.state_dict()]
    assert str(after) == str(before)


def test_a_schedule_that_is_over_is_known_by_the_rate_it_began_with():
    setup = with_schedule(lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / 10)), 1e-2)
    for _ in range(10):
        setup.optimizer.step()
        setup.scheduler.step()
    assert [rate for _, rate in coming_rates(setup)] == [1e-2]


@pytest.mark.parametrize("schedule", [noam, one_cycle])
def test_the_first_rate_of_a_warm_up_is_not_blamed(schedule):
    assert overfit(with_schedule(schedule, 1.0)).findings == ()


def test_a_schedule_that_stays_too_low_is_named_by_its_highest_rate():
    report = overfit(with_schedule(lambda optimizer: lr_scheduler.LinearLR(optimizer, 0.01, total_iters=50), 1e-7), samples=(10,))
    (finding,) = report.findings
    assert finding.severity is INFO and "not with your Adam at 1e-07" in finding.message
