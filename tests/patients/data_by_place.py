"""Faults of what a batch holds beside its first inputs: targets that stand before the last one, fields that a loss of the user's own takes apart."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.patients import patient
from tests.patients.parts import mlp, quantities, training


class ThreeHeads(nn.Module):
    """One body, a quantity, another one, and a class."""

    def __init__(self):
        super().__init__()
        self.body, self.heads = nn.Sequential(nn.Linear(16, 32), nn.ReLU()), nn.ModuleList(nn.Linear(32, 1) for _ in range(3))

    def forward(self, x):
        body = self.body(x)
        return [head(body)[:, 0] for head in self.heads]


def of_three(setup, batch):
    inputs, first, second, label = batch
    one, other, logit = setup.model(inputs)
    return F.mse_loss(one, first) + F.mse_loss(other, second) + F.binary_cross_entropy_with_logits(logit, label)


@patient("ND112", where="inputs[1]")
def the_first_of_three_targets_in_calories(sick):
    inputs, target = quantities()
    first = 2000 + 400 * target if sick else target
    made = TensorDataset(inputs, first, inputs[:, 1] - inputs[:, 2], (inputs[:, 3] > 0).float())
    return training(ThreeHeads(), train_loader=DataLoader(made, 32, shuffle=True), batch_loss=of_three)


class Rows(torch.utils.data.Dataset):
    """As dicts."""

    def __init__(self, inputs, targets):
        self.inputs, self.targets = inputs, targets

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return {"readings": self.inputs[index], "outcome": self.targets[index]}


def with_gaps(sick):
    """Ten columns, the third of which was not measured in one row of eight."""
    inputs = torch.randn(400, 10)
    targets = (inputs[:, 3] + 0.3 * torch.randn(400) > 0).float()[:, None]
    gaps = torch.rand(400) < 0.12
    inputs[gaps, 3] = -8.5 if sick else 0.0
    return inputs, targets


def of_rows(setup, batch):
    return F.binary_cross_entropy_with_logits(setup.model(batch["readings"]), batch["outcome"])


@patient("ND114", where="readings, column 3")
def a_stand_in_among_rows_as_dicts(sick):
    loader = DataLoader(Rows(*with_gaps(sick)), 32, shuffle=True)
    return training(mlp(10, 1), train_loader=loader, batch_loss=of_rows)


@patient("ND114", where="inputs, column 3")
def a_stand_in_before_a_norm_layer(sick):
    inputs, targets = with_gaps(sick)
    return training(nn.Sequential(nn.BatchNorm1d(10), mlp(10, 1)), nn.BCEWithLogitsLoss(), (inputs, targets))
