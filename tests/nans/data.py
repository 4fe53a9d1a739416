"""NaN and Inf that come with the batch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from tests.nans import sick_nan
from tests.patients.parts import features, images, loader, mlp, quantities, training


@sick_nan("data", "ND101", sample=17, column=3)
def nan_in_a_column(sick):
    inputs, targets = features()
    if sick:
        inputs[17, 3] = float("nan")
    return training(mlp(), data=(inputs, targets))


@sick_nan("data", "ND101", sample=40, column=2, held_out=True)
def infinity_in_an_image_channel(sick):
    grey, targets = images()
    colour = grey.repeat(1, 3, 1, 1)
    if sick:
        colour[40, 2, 5, 5] = float("inf")
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    return training(model, data=(colour, targets))


@sick_nan("data", "ND101", sample=101)
def nan_in_the_targets(sick):
    inputs, targets = quantities()
    if sick:
        targets[101] = float("nan")
    return training(nn.Sequential(mlp(16, 1), nn.Flatten(0)), nn.MSELoss(), (inputs, targets))


@sick_nan("data", "ND101", sample=60, column=5, held_out=True)
def nan_in_a_field_of_a_dict(sick):
    inputs, targets = features()
    if sick:
        inputs[60, 5] = float("nan")

    class Records(Dataset):
        def __len__(self):
            return len(inputs)

        def __getitem__(self, index):
            return {"features": inputs[index], "age": torch.tensor(float(index)), "label": targets[index]}

    def batch_loss(setup, batch):
        age = batch["age"][:, None] / 256
        return F.cross_entropy(setup.model(torch.cat([batch["features"], age], 1)), batch["label"])

    return training(mlp(65), batch_loss=batch_loss, train_loader=DataLoader(Records(), 32, shuffle=True))


@sick_nan("data", "ND101", sample=9)
def logarithm_of_a_zero_price_as_target(sick):
    inputs, targets = quantities()
    prices = targets.abs() + 0.5
    prices[9] = 0.0
    logs = torch.log(prices) if sick else torch.log1p(prices)

    def batch_loss(setup, batch):
        x, y = batch
        return (setup.model(x).squeeze(1) - y).abs().mean()

    return training(mlp(16, 1), batch_loss=batch_loss, data=(inputs, logs))


@sick_nan("data", "ND101", sample=30, column=1, held_out=True)
def nan_in_a_step_of_a_sequence(sick):
    inputs, targets = features(128, 64)
    sequences = inputs.view(128, 16, 4).clone()
    if sick:
        sequences[30, 7, 1] = float("nan")

    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.LSTM(4, 16, batch_first=True), nn.Linear(16, 10)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    return training(Reads(), data=(sequences, targets))


@sick_nan("data", "ND101", column=5)
def a_constant_column_standardised(sick):
    inputs, targets = features()
    inputs[:, 5] = 2.0
    deviation = inputs.std(0)
    inputs = (inputs - inputs.mean(0)) / (deviation if sick else deviation.clamp(min=1e-3))
    return training(mlp(), data=(inputs, targets))


@sick_nan("data", "ND101", sample=3, held_out=True)
def nan_in_the_weight_of_a_sample(sick):
    inputs, targets = features()
    weights = torch.rand(256) + 0.5
    if sick:
        weights[3] = float("nan")

    def batch_loss(setup, batch):
        x, y, w = batch
        losses = F.cross_entropy(setup.model(x), y, reduction="none")
        return (losses * w).sum() / w.sum()

    return training(mlp(), batch_loss=batch_loss, train_loader=loader(inputs, targets, weights))
