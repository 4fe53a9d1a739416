"""What one change would do to the first steps, and when nothing can be said of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import nbdebug
from nbdebug.errors import SetupError
from nbdebug.instruments.report import Report
from nbdebug.instruments.what_if.result import AS_IT_IS, SLOWER, UNDECAYED
from nbdebug.page import Curve, Table
from nbdebug.untouched import untouched
from tests.patients.parts import mlp, training


def decayed(decay: float = 0.1, lr: float = 1e-3, **parts) -> nbdebug.TrainingSetup:
    torch.manual_seed(0)
    model = mlp()
    return training(model, optimizer=torch.optim.Adam(model.parameters(), lr=lr, weight_decay=decay), **parts)


def test_each_change_stands_beside_as_many_steps_as_it_is():
    report = nbdebug.what_if(decayed(decay=0.5))
    changes = {change.what: change for change in report.result.changes}
    assert changes[UNDECAYED].gain > 1.25 > 1 > changes[SLOWER].gain
    assert all(len(pair.without.losses) == len(pair.changed.losses) for change in changes.values() for pair in change.pairs)
    curve, table = report.result.panels()
    assert isinstance(curve, Curve) and list(curve.series) == [AS_IT_IS, UNDECAYED, SLOWER]
    assert isinstance(table, Table) and table.rows[0][1] == len(changes[UNDECAYED].pairs[0].changed.losses)
    assert [finding.code for finding in report.findings] == ["ND607"]
    assert Report.from_dict(report.to_dict()) == report


def test_nothing_is_left_of_it():
    setup = decayed(lr=0.1)
    before = {name: value.clone() for name, value in setup.model.state_dict().items()}
    report = nbdebug.what_if(setup)
    assert report.proof.changes == () and not setup.optimizers[0].state
    assert all(torch.equal(value, before[name]) for name, value in setup.model.state_dict().items())
    assert setup.optimizers[0].param_groups[0]["lr"] == 0.1 and setup.optimizers[0].param_groups[0]["weight_decay"] == 0.1


def test_what_learns_quickly_is_left_alone():
    inputs = torch.randn(256, 64)
    report = nbdebug.what_if(decayed(decay=0.0, lr=1e-2, data=(inputs, (inputs[:, 0] > 0).long())), steps=200)
    assert report.result.changes == () and report.findings == ()


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"loss_fn": lambda outputs, targets: -outputs.std()}, "below zero"),
        ({"loss_fn": lambda outputs, targets: outputs.sum() * float("nan")}, "not finite"),
    ],
)
def test_where_nothing_can_be_said_the_reason_is(parts, reason):
    report = nbdebug.what_if(decayed(**parts))
    assert report.findings == () and reason in report.result.reason and reason in str(report)


def test_several_optimizers_are_not_asked():
    model = mlp()
    halves = [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in model if isinstance(layer, nn.Linear)]
    assert "several optimizers" in nbdebug.what_if(training(model, optimizer=halves)).result.reason


def test_too_little_time_says_so():
    report = nbdebug.what_if(decayed(), seconds=1e-6)
    assert report.result.changes == () and "are needed" in report.result.reason


def test_too_few_steps_are_refused():
    with pytest.raises(SetupError, match="steps"):
        nbdebug.what_if(decayed(), steps=3)


def test_a_budget_can_end_it_at_each_step_and_what_was_not_tried_is_not_checked():
    setup = decayed(decay=0.0, lr=1e-4)
    with untouched(setup, weights=True):
        results = list(nbdebug.what_if.measure(setup, steps=20))
    begun = next(n for n, result in enumerate(results) if result.plain is not None)
    assert begun >= 20 and len(results) - begun >= 20  # a look at the clock for each step, of the training as it is and of the changed one
    of_one = nbdebug.what_if.checks["ND604"]
    assert [of_one(result)[0].state for result in (results[begun - 1], results[begun], results[-1])] == ["not checked", "not checked", "sound"]
    assert "the time was up" in of_one(results[begun])[0].reason
