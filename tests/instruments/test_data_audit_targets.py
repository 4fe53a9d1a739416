"""Targets and inputs whose fault only the model's own loss and its gradients tell: each sick one beside its fixed twin and a look-alike."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nbdebug.findings import Severity
from nbdebug.instruments.data_audit import data_audit
from tests.patients.parts import training


def alarms(setup):
    return {f.code for f in data_audit(setup).findings if f.severity is not Severity.INFO}


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.body(x)[0][:, -1])[:, 0]


@pytest.mark.parametrize("sick", [True, False])
def test_gates_take_an_inf_on_the_way_forward_alone(sick):
    torch.manual_seed(0)
    rain = torch.rand(96, 6, 3)
    rain[::5, 2, 0] = 0.0
    inputs = rain.log() if sick else (1 + rain).log()
    assert alarms(training(Gated(), nn.HuberLoss(), (inputs, rain[:, -1, 1]))) == ({"ND101"} if sick else set())


def by_hand(logits, targets):
    """Takes the output at the place of the label: -1 is the last."""
    return -logits.log_softmax(1)[torch.arange(len(targets)), targets].mean()


def but_for_the_unknown(logits, targets):
    known = targets >= 0
    return by_hand(logits[known], targets[known])


@pytest.mark.parametrize(("loss", "sick"), [(by_hand, True), (by_hand, False), (but_for_the_unknown, False)])
def test_a_label_below_zero_counts_from_the_end(loss, sick):
    torch.manual_seed(0)
    targets = torch.randint(0, 4, (200,))
    inputs = torch.randn(4, 8)[targets] + 0.3 * torch.randn(200, 8)
    if sick or loss is but_for_the_unknown:
        targets = targets - 1
    assert alarms(training(nn.Linear(8, 4), loss, (inputs, targets))) == ({"ND103"} if sick else set())


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(40, 16), nn.Linear(16, 4)

    def forward(self, ids):
        return self.head(self.words(ids)).transpose(1, 2)


@pytest.mark.parametrize("how", ["class left out", "padding left out", "first pieces alone"])
def test_one_class_of_tokens_is_never_told(how):
    torch.manual_seed(0)
    ids = torch.randint(1, 40, (200, 10))
    labels = ids % 4
    ids[:, 8:], labels[:, 8:] = 0, -100
    if how == "class left out":
        labels[labels == 0] = -100
    if how == "first pieces alone":  # every other token is the rest of a word
        labels[:, 1::2] = -100
    assert alarms(training(Tagger(), nn.CrossEntropyLoss(), (ids, labels))) == ({"ND103"} if how == "class left out" else set())
