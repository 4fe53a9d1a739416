"""Memorising a few samples: what passes, what fails, and what nobody can say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbdebug import TrainingSetup
from nbdebug.errors import SetupError
from nbdebug.findings import INFO
from nbdebug.instruments.overfit import Overfit, overfit
from nbdebug.instruments.overfit.floor import Listening, accuracy, by_formula
from nbdebug.instruments.overfit.samples import frozen
from nbdebug.listening import Tape
from nbdebug.plain import from_plain, to_plain
from tests.patients.overfit import Between
from tests.patients.parts import features, loader, mlp, training


def verdicts(report):
    return [trial.verdict for trial in report.result.trials]


def formula(loss_fn, outputs, targets, twins=False):
    model = nn.Identity()
    with Tape(model) as tape:
        loss = loss_fn(model(outputs), targets)
    return by_formula(tape, loss, twins)[:2]


def test_a_sound_training_memorises():
    report = overfit(training(mlp()))
    assert verdicts(report) == ["PASS", "PASS"]
    assert [trial.samples for trial in report.result.trials] == [1, 10]
    assert report.findings == ()


def test_what_cannot_be_memorised_fails():
    report = overfit(training(Between(torch.round)), samples=(10,))
    assert verdicts(report) == ["FAIL"]
    (finding,) = report.findings
    assert finding.code == "ND701" and finding.evidence["samples"] == 10
    assert len(report.result.trials[0].attempts) == 4


def test_an_optimizer_that_is_too_slow_is_no_fault_of_the_model():
    model = mlp()
    report = overfit(training(model, optimizer=torch.optim.SGD(model.parameters(), lr=1e-7)), samples=(10,))
    (finding,) = report.findings
    assert finding.severity is INFO and "not with your SGD at 1e-07" in finding.message


def test_the_weights_come_back_after_every_attempt():
    model = Between(torch.round)
    before = {name: p.clone() for name, p in model.named_parameters()}
    report = overfit(training(model), samples=(2,), steps=20)
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())
    starts = {attempt.losses[0] for attempt in report.result.trials[0].attempts}
    assert len(starts) == 1  # each attempt began where the weights are


def test_batch_norm_cannot_take_one_sample():
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    report = overfit(training(model))
    assert verdicts(report) == ["UNDECIDED", "PASS"]
    assert "more than 1 value per channel" in report.result.trials[0].reason


def test_lbfgs_gets_its_closure():
    model = mlp()
    report = overfit(training(model, optimizer=torch.optim.LBFGS(model.parameters())), samples=(10,))
    assert verdicts(report) == ["PASS"] and report.findings == () and report.proof.changes == ()


def test_a_loader_with_too_few_samples_is_not_tried_twice():
    report = overfit(training(mlp(), train_loader=[features(1)]))
    assert verdicts(report) == ["PASS", "UNDECIDED"]


def test_samples_are_frozen_though_the_dataset_is_random():
    class Noisy(torch.utils.data.Dataset):
        def __len__(self):
            return 32

        def __getitem__(self, index):
            return torch.randn(4), index

    few = frozen(torch.utils.data.DataLoader(Noisy(), batch_size=4), 10)
    assert few.count == 10 and few.batch[0].shape == (10, 4) and few.batch[1].tolist() == list(range(10))
    assert few.redrawn is True and frozen(loader(*features()), 10).redrawn is False


def test_without_an_optimizer_it_says_so():
    with pytest.raises(SetupError, match="needs optimizer"):
        overfit(TrainingSetup(model=mlp(), loss_fn=nn.CrossEntropyLoss(), train_loader=loader(*features())))


def test_no_steps_beyond_those_asked_for():
    attempts = overfit(training(Between(torch.round)), samples=(2,), steps=12).result.trials[0].attempts
    assert [attempt.steps for attempt in attempts] == [(0, 5, 10, 12)] * 4


def test_the_floor_of_label_smoothing_is_its_entropy():
    smoothing, classes = 0.1, 10
    right, wrong = 1 - smoothing + smoothing / classes, smoothing / classes
    entropy = -right * math.log(right) - 9 * wrong * math.log(wrong)
    floor, _ = formula(nn.CrossEntropyLoss(label_smoothing=smoothing), torch.randn(4, classes), torch.tensor([1, 2, 3, 4]))
    assert floor == pytest.approx(entropy, rel=1e-4)


def test_the_floor_of_soft_targets_is_their_entropy():
    targets = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    assert formula(F.cross_entropy, torch.randn(2, 2), targets)[0] == pytest.approx(math.log(2) / 2, rel=1e-4)
    halves = torch.full((3,), 0.5)
    assert formula(F.binary_cross_entropy_with_logits, torch.randn(3), halves)[0] == pytest.approx(math.log(2), rel=1e-4)


def test_hard_targets_can_be_hit():
    assert formula(F.cross_entropy, torch.randn(4, 3), torch.tensor([0, 1, 2, 0]))[0] == pytest.approx(0.0, abs=1e-6)
    assert formula(F.mse_loss, torch.randn(4), torch.randn(4))[0] == 0.0


@pytest.mark.parametrize(
    ("loss_fn", "reason"),
    [
        (lambda o, t: F.cross_entropy(o, t) + o.pow(2).mean(), "other terms"),
        (lambda o, t: F.cross_entropy(o, t) + F.mse_loss(o, o.detach()), "2 torch losses"),
        (lambda o, t: F.cross_entropy(o, torch.arange(4)), "made during the step"),
        (lambda o, t: o.pow(2).mean(), "no torch loss"),
    ],
)
def test_what_has_no_formula_says_why(loss_fn, reason):
    floor, why = formula(loss_fn, torch.randn(4, 5), torch.tensor([0, 1, 2, 3]))
    assert floor is None and reason in why


def test_accuracy_leaves_out_what_the_loss_ignores():
    with Listening() as heard:
        F.cross_entropy(torch.eye(3), torch.tensor([0, 1, -100]))
    assert accuracy(heard.seen) == 1.0


def test_a_stopped_measurement_keeps_its_curve():
    report = overfit(training(Between(torch.round)), budget="1 ms")
    assert report.stopped and report.proof.changes == ()


def test_the_result_survives_json():
    result = overfit(training(mlp())).result
    assert from_plain(Overfit, to_plain(result)) == result
