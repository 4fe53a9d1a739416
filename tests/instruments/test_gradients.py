"""The gradient instrument against numbers that can be worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbdebug import TrainingSetup
from nbdebug.findings import INFO
from nbdebug.instruments.gradients import GradientStats, gradients
from nbdebug.instruments.gradients.flow import Flow
from nbdebug.plain import from_plain, to_plain
from tests.patients.gradients import Reads, deep
from tests.patients.parts import features, loader, mlp, tokens, training


def by_name(stats):
    return {p.name: p for p in stats.parameters}


def alarms(report):
    return {f.code for f in report.findings if f.severity is not INFO}


class Scales(nn.Module):
    """loss = mean(w x): the gradient of w is the mean of x."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([2.0, 3.0]))

    def forward(self, x):
        return (x * self.w).sum(1).mean()


def known(**parts):
    batches = [torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 6.0], [7.0, 8.0]])]
    return TrainingSetup(model=Scales(), batch_loss=lambda setup, batch: setup.model(batch), train_loader=batches, **parts)


def test_the_gradient_is_the_one_worked_out_by_hand():
    stats = gradients(known()).result
    w = by_name(stats)["w"]
    assert stats.loss == 2 * 2 + 3 * 3
    assert (w.gradient.min, w.gradient.max) == (2.0, 3.0)
    assert w.norm == pytest.approx(13**0.5) and w.weight_norm == pytest.approx(13**0.5)
    assert w.ratio == pytest.approx(1.0) and w.elasticity == pytest.approx(13.0)


def test_several_batches_are_averaged():
    stats = gradients(known(), batches=2).result
    assert stats.batches == 2
    assert (by_name(stats)["w"].gradient.min, by_name(stats)["w"].gradient.max) == (4.0, 5.0)


def test_the_scale_of_a_grad_scaler_is_taken_out():
    scaled = gradients(known(scaler=torch.amp.GradScaler("cpu", init_scale=1024.0))).result
    assert by_name(scaled)["w"].norm == pytest.approx(13**0.5)


def test_a_frozen_parameter_is_not_listed_and_an_unused_one_has_none():
    model = mlp()
    model[0].requires_grad_(False)
    model.idle = nn.Linear(2, 2)
    model.forward = lambda x: model[2](model[1](model[0](x)))
    stats = by_name(gradients(training(model)).result)
    assert "0.weight" not in stats and stats["idle.weight"].gradient is None
    assert stats["2.weight"].norm > 0


def test_the_signal_at_the_head_is_that_of_the_loss():
    """d cross-entropy / d logits is (softmax - one-hot) / N."""
    model, (inputs, targets) = mlp(), features(32)
    loss = F.cross_entropy(model(inputs), targets)
    flow = Flow(loss, model)
    loss.backward()
    expected = ((model(inputs).softmax(1) - F.one_hot(targets, 10)) / 32).norm()
    uses = flow.uses(1.0)
    assert [use.parameter for use in uses] == ["0.weight", "2.weight"]
    assert uses[-1].signal == pytest.approx(float(expected), rel=1e-5)


def test_a_recurrent_weight_is_heard_at_every_time_step():
    model = Reads()
    loss = F.cross_entropy(model(features(8)[0]), features(8)[1])
    flow = Flow(loss, model)
    loss.backward()
    assert sum(use.parameter == "rnn.weight_hh_l0" for use in flow.uses(1.0)) == 64


def test_a_matrix_stored_as_in_by_out_is_told_from_torchs_own():
    class Raw(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.linear = nn.Parameter(torch.randn(64, 10)), nn.Linear(10, 10)

        def forward(self, x):
            return self.linear(x @ self.w)

    model = Raw()
    loss = F.cross_entropy(model(features(8)[0]), features(8)[1])
    flow = Flow(loss, model)
    loss.backward()
    assert {use.parameter: use.transposed for use in flow.uses(1.0)} == {"w": False, "linear.weight": True}


def test_equal_columns_of_such_a_matrix_never_differ():
    class Raw(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.head = nn.Parameter(torch.randn(64, 1).repeat(1, 16)), nn.Parameter(torch.ones(16, 10))

        def forward(self, x):
            return (x @ self.w).tanh() @ self.head

    report = gradients(training(Raw()))
    assert "w" in report.result.symmetric
    assert alarms(report) == {"ND201"}


def test_sparse_gradients_count():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16, sparse=True), nn.Linear(16, 20)

        def forward(self, ids):
            return self.head(self.embed(ids)).mT

    model = Tagger()
    stats = gradients(training(model, data=tokens(), optimizer=torch.optim.SparseAdam(model.embed.parameters()))).result
    assert by_name(stats)["embed.weight"].gradient.count == 320
    assert by_name(stats)["embed.weight"].norm > 0


def test_a_loss_without_a_graph_is_not_checked():
    def detached(setup, batch):
        return setup.model(batch[0]).mean().detach()

    report = gradients(training(mlp(), batch_loss=detached))
    assert {v.state for v in report.verdicts} == {"not checked"}
    assert "no graph" in report.verdicts[0].reason


def test_a_step_that_raises_is_not_checked():
    report = gradients(training(mlp(63)))
    assert {v.state for v in report.verdicts} == {"not checked"}


def test_a_model_left_in_eval_mode_is_measured_in_training_mode():
    model = nn.Sequential(nn.Linear(64, 10), nn.Dropout(1.0)).eval()
    stats = gradients(training(model)).result
    assert by_name(stats)["0.weight"].norm == 0.0
    assert not model.training


def test_the_fading_is_measured_along_the_depth():
    report = gradients(training(deep(12, nn.Sigmoid)))
    (finding,) = report.findings
    assert finding.location.parameter == "0.weight"
    assert finding.evidence["ratio"] < 1e-5 and finding.evidence["matrices"] == 12


def test_sgd_needs_more_of_the_gradient_than_adam():
    assert alarms(gradients(training(deep(10)))) == set()
    model = deep(10)
    assert alarms(gradients(training(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1)))) == {"ND502"}


def test_no_weight_is_moved_by_the_imagined_steps():
    model = mlp()
    nn.init.zeros_(model[0].weight)
    before = {name: p.clone() for name, p in model.named_parameters()}
    gradients(training(model))
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())


def test_the_result_survives_json():
    stats = gradients(training(deep(12, nn.Sigmoid))).result
    assert from_plain(GradientStats, to_plain(stats)) == stats


def test_the_heatmap_has_a_row_for_each_parameter_and_shares_that_add_up():
    heatmap = gradients(training(mlp())).result.panels()[0]
    assert heatmap.rows == ("0.weight", "0.bias", "2.weight", "2.bias")
    assert all(sum(row) == pytest.approx(1.0) for row in heatmap.values)
    assert len(heatmap.columns) == len(heatmap.values[0])


def test_many_parameters_are_thinned():
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(100)), nn.Linear(4, 10))
    heatmap = gradients(training(model, train_loader=loader(*features(32, 4)))).result.panels()[0]
    assert len(heatmap.rows) <= 64 and "64 of 202 parameters" in heatmap.caption
