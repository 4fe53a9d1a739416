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


@pytest.mark.parametrize(("decay", "lr", "codes"), [(0.5, 1e-3, ["ND607"]), (0.0, 1e-3, []), (0.0, 3.0, [])])
def test_of_a_warm_up_the_rate_is_asked_that_it_goes_up_to(decay, lr, codes):
    """Whether that is too high is not asked: the warm-up goes before it."""
    setup = decayed(decay, lr)
    warm = torch.optim.lr_scheduler.LambdaLR(setup.optimizer, lambda step: min(1.0, step / 500))
    setup = nbdebug.TrainingSetup(model=setup.model, loss_fn=setup.loss_fn, optimizer=setup.optimizer, train_loader=setup.train_loader, scheduler=warm)
    assert [finding.code for finding in nbdebug.what_if(setup).findings] == codes
    assert setup.optimizer.param_groups[0]["lr"] == 0.0


def test_a_decay_that_helps_on_other_samples_is_not_to_blame():
    """Few samples of many columns, one of which tells: without the decay all of them are learnt by heart sooner, and the others suffer."""
    torch.manual_seed(0)
    inputs = torch.randn(400, 200)
    targets = (inputs[:, :1] + 1.5 * torch.randn(400, 1) > 0).float()
    model = nn.Linear(200, 1)
    nn.init.normal_(model.weight, std=1e-3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=1.0)
    parts = {"loss_fn": nn.BCEWithLogitsLoss(), "data": (inputs[:60], targets[:60]), "optimizer": optimizer}
    held_out = [(inputs[60:], targets[60:])]
    assert "ND607" not in [f.code for f in nbdebug.what_if(training(model, val_loader=held_out, **parts)).findings]


def test_where_the_loop_steps_after_every_few_batches_its_rate_is_not_judged(monkeypatch):
    import ast

    from nbdebug.instruments.what_if import instrument

    loop = "for n, (x, y) in enumerate(data):\n    loss_fn(model(x), y).backward()\n    if n % 16 == 15:\n        optimizer.step()\n"
    monkeypatch.setattr(instrument, "all_texts", lambda model: [("a", None, ast.parse(loop))])
    assert instrument._accumulates(decayed())
    monkeypatch.setattr(instrument, "all_texts", lambda model: [("a", None, ast.parse(loop.replace("if n % 16 == 15", "if n < 16")))])
    assert not instrument._accumulates(decayed())
