"""The baselines on networks that forget their inputs and on sound ones; what is held out; and the figures derived on paper."""

from __future__ import annotations

import math
import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

import nbdebug
from nbdebug import Report, SetupError, TrainingSetup
from nbdebug.findings import INFO
from nbdebug.instruments.base import OWN_FAULT
from nbdebug.instruments.baselines.samples import gathered
from tests.patients import baselines as patients
from tests.patients.parts import features, loader, mlp, quantities, training


def alarms(report: Report) -> list[str]:
    return [finding.code for finding in report.findings if finding.severity is not INFO]


@pytest.mark.parametrize("patient", patients.SICK, ids=lambda p: p.name)
def test_a_network_without_inputs_is_found(patient):
    report = nbdebug.baselines(patient.build(), budget=None)
    assert alarms(report) == ["ND710"], report
    assert report.proof.changes == ()


@pytest.mark.parametrize("patient", patients.SOUND, ids=lambda p: p.name)
def test_a_sound_network_is_not_accused(patient):
    report = nbdebug.baselines(patient.build(), budget=None)
    assert alarms(report) == []
    assert report.proof.changes == ()
    assert OWN_FAULT not in str(report.to_dict())
    assert Report.from_dict(report.to_dict()).to_dict() == report.to_dict()


def contenders(report: Report) -> dict:
    return {c.name: c for c in report.result.contenders}


def test_the_constant_gets_the_entropy_of_the_classes_and_their_largest_share():
    targets = torch.tensor([0] * 3 + [1]).repeat(100)
    setup = training(mlp(4, 2), data=(torch.randn(400, 4), targets), val_loader=loader(torch.randn(400, 4), targets, shuffle=False))
    constant = contenders(nbdebug.baselines(setup, steps=20))["class frequencies"]
    assert constant.loss == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), rel=1e-3)
    assert constant.score == pytest.approx(0.75)
    assert constant.score_error == pytest.approx(math.sqrt(0.75 * 0.25 / 400), rel=1e-2)


def test_the_mean_explains_nothing_and_the_linear_model_what_is_linear():
    inputs = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    targets = inputs @ torch.tensor([[1.0], [2.0], [-2.0]]) + torch.randn(1000, 1, generator=torch.Generator().manual_seed(1))
    found = contenders(nbdebug.baselines(training(mlp(3, 1), nn.MSELoss(), (inputs, targets)), steps=20))
    assert found["the mean"].score == pytest.approx(0.0, abs=0.05)
    assert found["linear model"].score == pytest.approx(0.9, abs=0.03)  # 9 parts of 10 are linear
    assert found["linear model"].loss == pytest.approx(1.0, rel=0.2)


def test_a_median_is_the_constant_of_an_absolute_error():
    targets = torch.tensor([0.0, 0.0, 10.0]).repeat(100)[:, None]
    setup = training(mlp(4, 1), nn.L1Loss(), (torch.randn(300, 4), targets), val_loader=loader(torch.randn(300, 4), targets))
    assert contenders(nbdebug.baselines(setup, steps=5))["the median"].loss == pytest.approx(10 / 3, rel=1e-3)


def test_a_loss_written_by_hand_has_its_constant_too():
    inputs, targets = torch.randn(300, 4), torch.randn(300, 1) + 3
    setup = training(mlp(4, 1), lambda outputs, wanted: ((outputs - wanted) ** 2).mean(), (inputs, targets))
    found = contenders(nbdebug.baselines(setup, steps=5))
    assert found["a constant"].loss == pytest.approx(float(targets.var()), rel=0.3)
    assert found["a constant"].loss_error is not None  # its mean over single samples is that of the batch


def test_of_a_language_model_the_linear_one_is_what_follows_each_token():
    ids = (torch.randint(0, 7, (300, 1)) + torch.arange(9)) % 7

    class Next(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(7, 7)

        def forward(self, ids):
            return self.table(ids).mT

    found = contenders(nbdebug.baselines(training(Next(), data=(ids[:, :-1], ids[:, 1:])), steps=20))
    assert found["linear model"].score == 1.0 and "follows" in found["linear model"].how
    assert found["class frequencies"].score < 0.3


def test_of_a_segmentation_the_frequencies_at_each_position_stand_beside():
    masks = torch.zeros(100, 6, 6, dtype=torch.long)
    masks[:, :3] = 1  # the upper half, always
    setup = training(nn.Conv2d(1, 2, 1), data=(torch.randn(100, 1, 6, 6), masks))
    found = contenders(nbdebug.baselines(setup, steps=5))
    assert found["class frequencies at each position"].score == 1.0
    assert found["class frequencies"].score == pytest.approx(0.5)


def test_weights_smoothing_and_ignored_targets_are_the_users():
    inputs, targets = features(400)
    targets = torch.where(torch.arange(400) % 5 == 0, -100, targets)
    loss_fn = nn.CrossEntropyLoss(weight=torch.linspace(0.5, 2, 10), label_smoothing=0.1, ignore_index=-100)
    model = mlp()
    setup = training(model, loss_fn, (inputs, targets), val_loader=loader(inputs, targets, batch_size=400))
    expected = float(loss_fn(model(inputs), targets).detach())
    report = nbdebug.baselines(setup, steps=5)
    assert contenders(report)["your model"].loss == pytest.approx(expected, rel=1e-4)
    assert report.result.limits == ()  # all of the loss is known


def test_without_val_loader_no_sample_is_on_both_sides():
    inputs = torch.arange(100.0)[:, None]
    data = gathered(training(mlp(1, 2), data=(inputs, torch.zeros(100, dtype=torch.long))), None)
    trained = {float(v) for batch in data.training for v in batch[0]}
    held = {float(v) for one in data.held_out for v in one.batch[0]}
    assert not trained & held and len(trained | held) == 100 and len(held) >= 15


def test_a_sampler_that_draws_twice_puts_no_sample_on_both_sides():
    inputs, targets = features(64)
    sampler = torch.utils.data.WeightedRandomSampler(torch.ones(64), 256)
    twice = DataLoader(torch.utils.data.TensorDataset(torch.arange(64.0)[:, None].expand(-1, 64), targets), batch_size=16, sampler=sampler)
    data = gathered(training(mlp(), train_loader=twice), None)
    assert not {float(b[0]) for batch in data.training for b in batch[0]} & {float(b[0]) for one in data.held_out for b in one.batch[0]}


def test_a_sorted_val_loader_is_read_from_all_over():
    targets = torch.arange(10).repeat_interleave(1000)
    setup = training(mlp(4), data=(torch.randn(256, 4), torch.randint(0, 10, (256,))), val_loader=loader(torch.randn(10000, 4), targets, shuffle=False))
    held = torch.cat([one.batch[1] for one in gathered(setup, None).held_out])
    assert set(held.tolist()) == set(range(10))


def test_one_batch_that_cannot_be_parted_asks_for_a_val_loader():
    ragged = [(torch.randn(8, 4), torch.zeros(3))]
    with pytest.raises(SetupError, match="val_loader"):
        nbdebug.baselines(TrainingSetup(mlp(4, 1), batch_loss=lambda s, b: s.model(b[0]).sum(), optimizer=torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1), train_loader=ragged))


def test_a_loss_that_is_only_a_number_is_compared_with_inputs_taken_away():
    def batch_loss(setup, batch):
        return (setup.model(batch[0]) - batch[1][:, None]).abs().pow(1.5).mean()

    report = nbdebug.baselines(training(mlp(16, 1), data=quantities(600), batch_loss=batch_loss), steps=50)
    assert {c.kind for c in report.result.contenders if c.loss is not None} == {"network", "inputs taken away"}
    assert any("constant" in said for said in report.result.limits)
    assert alarms(report) == []


def test_batches_that_are_dicts_and_a_model_that_returns_its_loss():
    class Output(dict):
        __getattr__ = dict.__getitem__

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, pixel_values, labels=None):
            logits = self.net(pixel_values)
            return Output(loss=F.cross_entropy(logits, labels), logits=logits)

    inputs, targets = features(400)
    batches = [{"pixel_values": x, "labels": y} for x, y in zip(inputs.split(50), targets.split(50), strict=True)]
    model = Model()
    report = nbdebug.baselines(TrainingSetup(model, optimizer=torch.optim.Adam(model.parameters(), 1e-2), train_loader=batches), steps=50)
    assert contenders(report)["inputs zeroed"].loss == pytest.approx(math.log(10), abs=0.2)
    assert contenders(report)["linear model"].score > 0.2


def test_an_iterable_dataset_half_precision_and_many_optimizers():
    class Stream(IterableDataset):
        def __iter__(self):
            inputs, targets = features(320)
            yield from zip(inputs, targets, strict=True)

    model = mlp()
    parts = [torch.optim.Adam(model[0].parameters(), 1e-2), torch.optim.SGD(model[2].parameters(), 1e-2)]
    for precision in ("bf16-mixed", "32-true"):
        setup = TrainingSetup(model, nn.CrossEntropyLoss(), parts, DataLoader(Stream(), batch_size=32), precision=precision)
        assert nbdebug.baselines(setup, steps=20).proof.changes == ()


@pytest.mark.parametrize("loss_fn", [lambda out, y: (out.detach() ** 2).mean(), lambda out, y: out.sum() * float("inf")], ids=["no graph", "infinite"])
def test_a_loss_that_teaches_nothing_leaves_a_report(loss_fn):
    report = nbdebug.baselines(training(mlp(), loss_fn), steps=5)
    assert alarms(report) == [] and report.proof.changes == ()


def test_an_interrupt_keeps_what_was_measured_and_gives_the_session_back():
    model = mlp()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    calls = []

    def loss_fn(outputs, targets):
        calls.append(1)
        if len(calls) == 60:
            raise KeyboardInterrupt
        return F.cross_entropy(outputs, targets)

    with pytest.raises(KeyboardInterrupt) as caught:
        nbdebug.baselines(training(model, loss_fn, features(600)))
    assert caught.value.report.result.contenders and caught.value.report.proof.changes == ()
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_a_budget_is_kept():
    report = nbdebug.baselines(training(mlp(), data=features(1200)), steps=100_000, budget=2)
    assert report.seconds < 6
    assert any("no more time" in said for said in report.result.limits)


def test_twenty_samples_wait_for_a_person_without_their_truth():
    inputs, targets = features(600)
    setup = training(nn.Sequential(nn.Flatten(), *mlp()), data=(inputs.view(-1, 1, 8, 8), targets))
    quiz = nbdebug.baselines(setup, steps=20).result.quiz
    assert len(quiz.questions) == 20 and quiz.choices == tuple(map(str, range(10)))
    assert all(q.exhibit.label == "" and q.exhibit.png for q in quiz.questions)
    assert len({q.truth for q in quiz.questions}) == 10  # classes come by turns
    assert list(quiz.questions[0].answers) == ["the model", "linear model", "class frequencies"]


@pytest.mark.parametrize(
    ("model", "loss_fn", "targets"),
    [(mlp(4, 1), nn.MSELoss(), torch.full((300, 1), 3.0)), (mlp(4, 3), nn.CrossEntropyLoss(), torch.ones(300, dtype=torch.long))],
    ids=["number", "class"],
)
def test_targets_that_are_all_the_same_cannot_be_beaten(model, loss_fn, targets):
    report = nbdebug.baselines(training(model, loss_fn, (torch.randn(300, 4), targets)), steps=20)
    assert not report.findings
    assert [verdict.reason for verdict in report.verdicts] == ["because all targets held out are the same, and what says just that cannot be beaten"]
    assert "nan" not in str(report)


def test_samples_without_a_batch_dimension():
    class Line(nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = nn.Parameter(torch.tensor(0.0))

        def forward(self, x):
            return self.slope * x

    batches = [(torch.tensor(i / 10), torch.tensor(i / 5)) for i in range(20)]
    report = nbdebug.baselines(training(Line(), nn.MSELoss(), train_loader=batches), steps=20)
    assert contenders(report)["the mean"].loss is not None
    assert OWN_FAULT not in str(report.to_dict())


def test_what_could_not_be_done_is_told_with_its_reason():
    class Tired(torch.optim.SGD):
        def step(self, closure=None):
            raise RuntimeError("no step today")

    model = mlp()
    report = nbdebug.baselines(training(model, data=features(200), optimizer=Tired(model.parameters(), lr=0.1)), steps=5)
    assert "your model, trained: not done, because optimizer.step() raised RuntimeError: no step today" in report.result.limits
    inputs, targets = features(200)
    inputs[::3] = math.nan
    report = nbdebug.baselines(training(mlp(), data=(inputs, targets)), steps=5)
    assert any(said.startswith("linear model: not done, because ") and said.endswith(" hold NaN or Inf") for said in report.result.limits)


def test_a_loss_that_is_no_number_has_no_other_terms_for_that():
    inputs, targets = features(200)
    report = nbdebug.baselines(training(mlp(), data=(inputs * math.nan, targets)), steps=5)
    assert not any("other terms" in said for said in report.result.limits)


def test_where_a_forward_pass_is_slow_fewer_samples_are_judged():
    class Slow(nn.Linear):
        def forward(self, x):
            time.sleep(0.01)
            return super().forward(x)

    inputs, targets = features(400)
    setup = training(Slow(64, 10), data=(inputs, targets), val_loader=loader(inputs, targets, batch_size=4))
    report = nbdebug.baselines(setup, steps=5, budget=5)
    assert report.result.samples < 100
    assert any("of 64 batches held out: there was no time for more" in said for said in report.result.limits)
