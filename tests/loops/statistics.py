"""Loops that evaluate with batch norm's running statistics: settled ones, and ones that are still their beginning."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from tests.loops import sick_loop, sound_loop


def trained(model, epochs=8, scale=3.0):
    inputs = scale * torch.randn(128, 6) + 2
    targets = inputs[:, :3].argmax(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(128).split(16):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            F.cross_entropy(model(inputs), targets)


def normed(momentum):
    return nn.Sequential(nn.BatchNorm1d(6, momentum=momentum), nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))


@sick_loop("ND306", where="0")
def statistics_that_hardly_move(sick):
    trained(normed(0.001 if sick else 0.1))


@sound_loop
def slow_statistics_that_began_where_they_end():
    inputs = nn.Sequential(nn.BatchNorm1d(6, momentum=0.001), nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))

    class Standardises(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = inputs

        def forward(self, x):
            return self.net((x - 2) / 3)

    trained(Standardises())


@sound_loop
def slow_statistics_of_a_trained_model():
    model = normed(0.001)
    model[0].running_mean.fill_(2.0)
    model[0].running_var.fill_(9.0)
    model[0].num_batches_tracked.fill_(5000)
    trained(model)


@sound_loop
def slow_statistics_that_are_never_used():
    model, inputs = normed(0.001), 3 * torch.randn(128, 6) + 2
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), inputs[:, :3].argmax(1)).backward()
        optimizer.step()


def averaged(buffers, starts=1):
    """A loop that keeps an average of its weights and evaluates both."""
    inputs = 3.0 * torch.randn(128, 6) + 2
    targets = inputs[:, :3].argmax(1)
    models = [normed(0.1) for _ in range(starts)]
    model, average = models[0], copy.deepcopy(models[-1]).eval().requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(4):
        model.train()
        for rows in torch.randperm(128).split(16):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
            with torch.no_grad():
                for mine, theirs in zip(average.parameters(), model.parameters(), strict=True) if starts == 1 else ():
                    mine.lerp_(theirs, 0.05)
                for mine, theirs in zip(average.buffers(), model.buffers(), strict=True) if buffers else ():
                    mine.copy_(theirs)
        model.eval()
        with torch.no_grad():
            F.cross_entropy(model(inputs), targets)
            F.cross_entropy(average(inputs), targets)


@sick_loop("ND306", where="0")
def average_that_has_no_statistics(sick):
    averaged(buffers=not sick)


@sound_loop
def another_network_that_nobody_trains():
    averaged(buffers=False, starts=2)


class Averaged(nn.Module):
    """Trains the live net, evaluates its average, which lies in the same module."""

    def __init__(self):
        super().__init__()
        self.live = normed(0.1)
        self.average = copy.deepcopy(self.live).requires_grad_(False)

    def forward(self, x):
        return self.live(x) if self.training else self.average(x)


def trained_with_average(buffers):
    model, inputs = Averaged(), 3 * torch.randn(128, 6) + 2
    optimizer = torch.optim.Adam(model.live.parameters(), lr=3e-3)
    for _ in range(3):
        model.train()
        for rows in torch.randperm(128).split(32):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[rows]), inputs[rows, :3].argmax(1)).backward()
            optimizer.step()
            with torch.no_grad():
                for mine, theirs in zip(model.average.parameters(), model.live.parameters(), strict=True):
                    mine.lerp_(theirs, 0.5)
                for mine, theirs in zip(model.average.buffers(), model.live.buffers(), strict=True) if buffers else ():
                    mine.copy_(theirs)
        model.eval()
        model.average.eval()
        with torch.no_grad():
            F.cross_entropy(model(inputs), inputs[:, :3].argmax(1))


@sick_loop("ND306", where="average.0")
def average_inside_the_model_without_its_buffers(sick):
    trained_with_average(buffers=not sick)
