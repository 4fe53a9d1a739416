"""Rates that a schedule takes away, that a layer-wise decay leaves nothing of, and decay and dropout that leave nothing of the rest."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop


def batches(samples=96, size=8, *, quantities=False):
    inputs = torch.randn(samples, 6)
    targets = (inputs[:, :3] + inputs[:, 3:]) if quantities else (inputs[:, :3] + inputs[:, 3:]).argmax(1)
    return DataLoader(TensorDataset(inputs, targets), batch_size=size, shuffle=True)


def net(*between):
    return nn.Sequential(nn.Linear(6, 24), nn.Tanh(), *between, nn.Linear(24, 3))


def one_step(model, optimizer, x, y, loss_fn=F.cross_entropy):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


class Falling(lr_scheduler.LRScheduler):
    """Half a cosine down to a thousandth at `total`."""

    def __init__(self, optimizer, total):
        self.total = total
        super().__init__(optimizer)

    def get_lr(self):
        way = min(self.last_epoch / self.total, 1.0)
        return [rate * (1e-3 + 0.999 * 0.5 * (1 + math.cos(math.pi * way))) for rate in self.base_lrs]


@sick_loop("ND606")
def schedule_of_epochs_stepped_in_batches(sick):
    model, loader = net(), batches()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = Falling(optimizer, 10 if sick else 10 * len(loader))
    for _ in range(10):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            schedule.step()  # guilty


def _measured(model, loader):
    model.eval()
    with torch.no_grad():
        found = sum(-model(x).log_softmax(1).gather(1, y[:, None]).mean().item() for x, y in loader) / len(loader)
    model.train()
    return found


@sick_loop("ND606")
def plateau_of_a_likelihood_that_is_to_rise(sick):
    model, loader, held_out = net(), batches(), batches()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, "max" if sick else "min", factor=0.3, patience=0)  # guilty
    for _ in range(8):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        plateau.step(_measured(model, held_out))


@sound_loop
def plateau_of_a_share_that_is_to_rise():
    model, loader = net(), batches()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, "max", factor=0.3, patience=0)
    for _ in range(10):
        hits = []
        for x, y in loader:
            one_step(model, optimizer, x, y)
            hits += (model(x).argmax(1) == y).tolist()
        plateau.step(sum(hits) / len(hits))


@sick_loop("ND605", where="optimizer")
def rates_that_fall_from_layer_to_layer(sick):
    model, loader, rate = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 3)), batches(384, 32), 1e-3
    groups = []
    for layer in (model[4], model[2], model[0]):
        rate *= 0.01 if sick else 0.8
        groups.append({"params": layer.parameters(), "lr": rate})
    optimizer = torch.optim.Adam(groups)
    for _ in range(10):
        for x, y in loader:
            one_step(model, optimizer, x, y)


@sick_loop("ND607", where="optimizer")
def decay_that_leaves_a_little_to_learn_with(sick):
    model, loader = net(), batches(quantities=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=8.0 if sick else 0.01)
    for _ in range(8):
        for x, y in loader:
            one_step(model, optimizer, x, y, F.mse_loss)


@sick_loop("ND708")
def root_of_each_batch_averaged(sick):
    model, loader, held_out = net(), batches(quantities=True), batches(40, 8 if sick else 40, quantities=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def rmse(outputs, targets):
        return F.mse_loss(outputs, targets).sqrt().item()

    for x, y in loader:
        one_step(model, optimizer, x, y, F.mse_loss)
    made, wanted = [], []
    with torch.no_grad():
        for x, y in held_out:
            made.append(model(x))
            wanted.append(y)
    return sum(rmse(a, b) for a, b in zip(made, wanted, strict=True)) / len(made)  # guilty
