"""The summary against numbers that can be worked out by hand."""

from __future__ import annotations

import sys

import torch
from torch import nn
from torch.nn import functional as F

from nbdebug import TrainingSetup
from nbdebug.instruments.summary import Summary, summary
from nbdebug.plain import from_plain, to_plain
from tests.patients.parts import features, images, loader, mlp, training


def test_layers_have_their_shapes_and_costs():
    """Linear 64 → 32 → 10 on 32 samples of 4 bytes."""
    found = summary(training(mlp())).result
    root, first, relu, head = found.layers
    assert (root.kind, first.name, relu.kind, head.name) == ("Sequential", "0", "ReLU", "2")
    assert (first.input_shape, first.output_shape) == ((32, 64), (32, 32))
    assert (first.parameters, head.parameters, found.parameters) == (64 * 32 + 32, 32 * 10 + 10, 2410)
    assert (first.multiply_adds, head.multiply_adds) == (32 * 64 * 32, 32 * 32 * 10)
    assert found.forward_flops == 2 * (32 * 64 * 32 + 32 * 32 * 10)


def test_backward_costs_what_the_two_products_cost():
    """The weight's gradient of both layers, the input's of the second only."""
    found = summary(training(mlp())).result
    assert found.backward_flops == 2 * (32 * 64 * 32 + 2 * 32 * 32 * 10)


def test_memory_is_counted_in_bytes():
    memory = summary(training(mlp())).result.memory
    assert (memory.parameters, memory.gradients, memory.optimizer) == (2410 * 4, 2410 * 4, 2410 * 8)
    assert memory.activations >= 32 * 32 * 4  # the rectified hidden layer


def test_frozen_weights_have_no_gradient():
    model = mlp()
    model[0].requires_grad_(False)
    found = summary(training(model)).result
    assert (found.trainable, found.memory.gradients) == (330, 330 * 4)


def test_a_plain_sgd_keeps_nothing_and_momentum_one_copy():
    for momentum, copies in ((0.0, 0), (0.9, 1)):
        model = mlp()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
        assert summary(training(model, optimizer=optimizer)).result.memory.optimizer == copies * 2410 * 4


def test_inputs_given_by_name_and_things_that_are_no_tensors():
    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x, mode="plain", mask=None):
            return self.net(x)

    def batch_loss(setup, batch):
        return F.cross_entropy(setup.model(batch[0], mask=None), batch[1])

    found = summary(training(Scores(), batch_loss=batch_loss)).result
    assert found.notes == () and [row.name for row in found.layers] == ["", "net", "net.0", "net.1", "net.2"]


def test_a_module_that_torchinfo_refuses_leaves_the_totals():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            return type("Answer", (), {"logits": self.net(x)})()

    def batch_loss(setup, batch):
        return F.cross_entropy(setup.model(batch[0]).logits, batch[1])

    found = summary(training(Odd(), batch_loss=batch_loss)).result
    assert found.layers == () and "torchinfo raised" in found.notes[0] and found.parameters == 2410
    assert found.forward_flops == 2 * (32 * 64 * 32 + 32 * 32 * 10)


def test_the_session_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))
    model[1].eval()
    report = summary(training(model, data=images()))
    assert report.proof.changes == () and not model[1].training and model.training
    assert "Sequential" not in sys.modules["torchinfo.torchinfo"]._cached_forward_pass


def test_a_loss_is_not_needed():
    found = summary(TrainingSetup(model=mlp(), train_loader=loader(*features()))).result
    assert len(found.layers) == 4 and "no loss" in found.notes[0]


def test_the_result_survives_json():
    found = summary(training(mlp())).result
    assert from_plain(Summary, to_plain(found)) == found
    assert "2,410" in str(found.panels()[-1].text)
