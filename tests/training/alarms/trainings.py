"""Small trainings in which something goes wrong, or only seems to; ranks import them by name."""

from __future__ import annotations

import time

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup

BAD = 37  # the one sample that the model cannot bear


def samples(count=64, bad=True):
    torch.manual_seed(0)
    x = torch.randn(count, 4)
    if bad:
        x[BAD] = 0.0
    return TensorDataset(x, (x[:, 0] > 0).long())


class Net(nn.Module):
    """With what a step changes besides weights: statistics, random numbers."""

    def __init__(self, act):
        super().__init__()
        self.first, self.norm, self.drop, self.head = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2)
        self.act = act

    def forward(self, x):
        return self.act(self.head(self.drop(self.norm(self.first(x)))), x)


def divides(h, x):
    return h / x.abs().sum(1, keepdim=True)  # born here


def divides_safely(h, x):
    return h / x.abs().sum(1, keepdim=True).clamp(min=1e-3)


def root(h, x):
    return h * x.abs().sum(1, keepdim=True).sqrt() + (h * x.abs().sum(1, keepdim=True)).abs().sqrt()  # the gradient is born here


def masked(h, x):
    """An infinity that does no harm."""
    return h + torch.where(x.sum(1, keepdim=True) == 0, 0.0, 0.0 * h).masked_fill(torch.zeros_like(h, dtype=torch.bool), float("-inf"))


def setup(act=divides, *, bad=True, batch_size=8, optimizer=None, dataset=None, **options):
    torch.manual_seed(0)
    model = Net(act)
    loader = DataLoader(dataset or samples(bad=bad), batch_size=batch_size, shuffle=True)
    return TrainingSetup(model, nn.CrossEntropyLoss(), optimizer or torch.optim.Adam(model.parameters(), 1e-2), loader, **options)


class Noisy(nn.Linear):
    """Adds noise to its own weights."""

    def __init__(self, alike):
        super().__init__(4, 2)
        self.alike, self.calls = alike, 0

    def forward(self, x):
        if self.training:
            self.calls += 1
            generator = torch.Generator().manual_seed(self.calls) if self.alike else None
            with torch.no_grad():
                self.weight.add_(0.05 * torch.randn(self.weight.shape, generator=generator))
        return super().forward(x)


class Own(nn.Linear):
    """A buffer that each rank has for itself."""

    def __init__(self):
        super().__init__(4, 2)
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x):
        self.seen += x.detach().mean(0)
        return super().forward(x)


class Sleeping(nn.Linear):
    """Takes its time, on every rank or on one."""

    def __init__(self, seconds, rank=None):
        super().__init__(4, 2)
        self.seconds, self.rank = seconds, rank

    def forward(self, x):
        if self.rank is None or dist.get_rank() == self.rank:
            time.sleep(self.seconds)
        return super().forward(x)


class Slowly(torch.autograd.Function):
    """Takes its time on the way back, on one rank."""

    @staticmethod
    def forward(ctx, x, seconds, rank):
        ctx.seconds = seconds if dist.get_rank() == rank else 0.0
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        time.sleep(ctx.seconds)
        return gradient, None, None


class SleepingBack(Sleeping):
    def forward(self, x):
        return nn.Linear.forward(self, Slowly.apply(x + 0 * self.bias.sum(), self.seconds, self.rank))


def of(model, *, batch_size=4, dataset=None):
    loader = DataLoader(dataset or samples(bad=False), batch_size=batch_size, shuffle=True)
    return TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.01), loader)
