"""The activation instrument against numbers that can be worked out by hand."""

from __future__ import annotations

import ast

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbdebug import TrainingSetup
from nbdebug.findings import ERROR, INFO, WARNING
from nbdebug.instruments.activations import ActivationStats, activations
from nbdebug.lines import initialised
from nbdebug.plain import from_plain, to_plain
from tests.patients.activations import Codes, Functional, enough, layers
from tests.patients.parts import features, images, loader, mlp, quantities, training


def alarms(report):
    return {f.code for f in report.findings if f.severity is not INFO}


def identity(*after: nn.Module) -> nn.Sequential:
    first = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.eye(2))
    return nn.Sequential(first, *after)


def heard(model, batches):
    setup = TrainingSetup(model=model, batch_loss=lambda setup, batch: setup.model(batch).sum(), train_loader=batches)
    return activations(setup, batches=len(batches)).result


def test_outputs_of_all_batches_add_up():
    stats = heard(identity(nn.ReLU()), [torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0, -4.0], [5.0, -6.0]])])
    linear, relu = stats.layers
    assert (linear.name, linear.kind, relu.name, relu.kind) == ("0", "Linear", "1", "ReLU")
    assert linear.output.mean == pytest.approx((1 - 2 + 3 - 4 + 5 - 6) / 6)
    assert (relu.output.zeros, relu.output.max, relu.output.count) == (3, 5.0, 6)
    assert (stats.batches, stats.samples, stats.all_seen) == (2, 3, True)


def test_a_unit_is_dead_only_when_no_sample_wakes_it():
    batches = [torch.tensor([[1.0, -2.0]]), torch.tensor([[-3.0, -4.0]])]
    (relu,) = heard(identity(nn.ReLU()), batches).nonlinearities
    assert (relu.units, relu.stuck, relu.first_stuck, relu.seen) == (2, 1, (1,), 2)
    (relu,) = heard(identity(nn.ReLU()), [*batches, torch.tensor([[0.0, 0.5]])]).nonlinearities
    assert relu.stuck == 0


def test_a_tanh_is_saturated_where_its_slope_is_under_a_thousandth():
    """1 - tanh² falls below 0.001 at |x| = 4.15."""
    (tanh,) = heard(identity(nn.Tanh()), [torch.tensor([[4.1, 4.2], [5.0, -4.3]])]).nonlinearities
    assert (tanh.stuck, tanh.first_stuck, tanh.squashes) == (1, (1,), True)


def test_in_place_and_functional_calls_are_heard_too():
    model = Functional(-20.0)
    (finding,) = activations(enough(model)).findings
    assert finding.code == "ND307" and finding.evidence["stuck"] >= 60
    assert finding.location.operator == "torch.nn.functional.relu"
    assert finding.location.line is not None and finding.location.file.endswith("activations.py")


def test_an_in_place_relu_changes_nothing_of_what_is_heard():
    batch = [torch.tensor([[1.0, -2.0]])]
    assert heard(identity(nn.ReLU(inplace=True)), batch).nonlinearities == heard(identity(nn.ReLU()), batch).nonlinearities


def test_units_of_a_convolution_are_its_channels():
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 10))
    (relu,) = activations(training(model, data=images(32))).result.nonlinearities
    assert (relu.units, relu.seen) == (6, 32 * 36)


def test_units_that_only_ever_get_zeros_say_nothing():
    """A zero-initialised layer is the business of ND201."""
    model = layers()
    nn.init.zeros_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    assert activations(enough(model)).result.nonlinearities[0].stuck == 0


def test_a_whole_dead_layer_that_blocks_the_gradient_is_an_error():
    model = layers()
    nn.init.constant_(model[2].bias, -30.0)
    (finding,) = activations(enough(model)).findings
    assert finding.severity is ERROR and finding.evidence["upstream"] == 0.0


def test_a_gate_may_be_shut():
    class Gated(nn.Module):
        def __init__(self, multiply):
            super().__init__()
            self.multiply = multiply
            self.value, self.gate, self.head = nn.Linear(64, 48), nn.Linear(64, 48), nn.Linear(48, 10)
            nn.init.constant_(self.gate.bias, 20.0)

        def forward(self, x):
            gate = self.gate(x).sigmoid()
            return self.head(gate * self.value(x) if self.multiply else gate)

    assert alarms(activations(enough(Gated(True)))) == set()
    assert alarms(activations(enough(Gated(False)))) == {"ND307"}


def test_silent_units_of_an_autoencoder_are_told_and_are_no_alarm():
    inputs, _ = quantities(512)
    setup = training(
        Codes(0.9), batch_loss=lambda setup, batch: F.mse_loss(setup.model(batch)[0], batch), train_loader=list(inputs.split(64))
    )
    (finding,) = activations(setup).findings
    assert (finding.code, finding.severity) == ("ND307", INFO)


def test_few_samples_are_no_proof():
    """The loader holds more than is looked at, and what was looked at is not enough."""
    model = layers()
    nn.init.constant_(model[0].bias, -20.0)
    one_by_one = loader(*features(512), batch_size=1)
    assert alarms(activations(training(model, train_loader=one_by_one), batches=4)) == set()


def test_more_batches_are_read_until_the_samples_suffice():
    stats = activations(training(mlp(), train_loader=loader(*features(512), batch_size=16)), batches=4).result
    assert (stats.batches, stats.samples) == (16, 256)


def test_the_gain_of_the_guilty_matrix_is_named():
    model = layers()
    nn.init.normal_(model[0].weight, std=8.0)
    (finding,) = activations(enough(model)).findings
    assert finding.code == "ND202" and finding.location.parameter == "0.weight"
    assert finding.evidence["gain"] == pytest.approx(8 * 64**0.5, rel=0.05)  # 64 inputs of a Linear
    assert finding.evidence["loss_rescaled"] * 5 < finding.evidence["loss"]


def test_a_tied_embedding_of_unit_variance_is_too_large_for_a_head():
    class Tied(nn.Module):
        def __init__(self, std):
            super().__init__()
            self.embed, self.norm = nn.Embedding(100, 64), nn.LayerNorm(64)
            nn.init.normal_(self.embed.weight, std=std)

        def forward(self, ids):
            return (self.norm(self.embed(ids)) @ self.embed.weight.T).mT

    ids = torch.randint(0, 100, (64, 13))
    for std, codes in ((1.0, {"ND202"}), (0.02, set())):
        assert alarms(activations(training(Tied(std), data=(ids[:, :-1], ids[:, 1:])))) == codes


@pytest.mark.parametrize(
    ("text", "severity"),
    [("", INFO), ("config = DistilBertConfig(initializer_range=0.02)", WARNING), ("for p in model.parameters():\n    nn.init.normal_(p, std=0.02)", WARNING)],
)
def test_weights_as_a_library_draws_them_are_only_mentioned_to_sgd(monkeypatch, text, severity):
    transformers = pytest.importorskip("transformers")
    monkeypatch.setattr(initialised, "all_texts", lambda model: [("train.py", None, ast.parse(text))])
    config = transformers.DistilBertConfig(vocab_size=20, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=16, num_labels=3)
    model, ids = transformers.DistilBertForSequenceClassification(config), torch.randint(0, 20, (32, 12))
    batches = [{"input_ids": ids, "labels": ids[:, 3] % 3}]
    (finding,) = (f for f in activations(TrainingSetup(model=model, train_loader=batches, optimizer=torch.optim.SGD(model.parameters(), lr=0.05))).findings if f.code == "ND202")
    assert finding.severity == severity
    assert ("as their library draws them" in finding.message) == (severity == INFO)


def test_without_a_loss_the_outputs_are_still_heard():
    model = mlp()
    nn.init.normal_(model[0].weight, std=8.0)  # a suspect, whose trial needs a loss
    setup = TrainingSetup(model=model, train_loader=loader(*features()))
    report = activations(setup)
    assert [layer.name for layer in report.result.layers] == ["0", "1", "2"]
    assert next(v for v in report.verdicts if v.code == "ND202").state == "not checked"


def test_a_step_that_raises_is_not_checked():
    assert {v.state for v in activations(training(mlp(63))).verdicts} == {"not checked"}


def test_the_result_survives_json():
    model = layers()
    nn.init.normal_(model[0].weight, std=8.0)
    stats = activations(enough(model)).result
    assert from_plain(ActivationStats, to_plain(stats)) == stats


def test_half_precision_is_heard():
    report = activations(training(mlp(), precision="bf16-mixed"))
    assert report.result.layers[0].output.count > 0 and alarms(report) == set()
