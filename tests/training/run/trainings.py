"""Small trainings for runs; ranks import them by name."""

from __future__ import annotations

import os
import time
from functools import partial

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup


class Tied(nn.Module):
    """Two layers that share their weights, one with a buffer, one that is frozen."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.head = nn.Linear(4, 2)
        self.head.bias.requires_grad_(False)

    def forward(self, x):
        return self.head(self.second(self.norm(self.first(x)).relu()))


def setup(batches=8):
    torch.manual_seed(0)
    x = torch.randn(8 * batches, 4)
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=4, shuffle=True)
    model = Tied()
    return TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.05), loader, val_loader=loader)


def make():
    return setup()


def steps(ctx, count, pause=0.0):
    """A loop of one's own."""
    model = ctx.wrap(nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    done = 0
    for done in range(1, count + 1):
        optimizer.zero_grad()
        loss = model(torch.randn(8, 4)).pow(2).mean()
        loss.backward()
        optimizer.step()
        ctx.log(step=done, loss=loss.detach())
        time.sleep(pause)
        if ctx.should_stop():
            break
    print(f"rank {ctx.rank} made {done} steps")
    return {"steps": done}


def one_raises(ctx):
    model = ctx.wrap(nn.Linear(4, 2))
    for step in range(1, 10):
        model(torch.randn(8, 4)).sum().backward()
        ctx.log(step=step, loss=0.0)
        if ctx.rank == 1 and step == 3:
            raise ValueError("bad sample 7")


def two_threads(x):
    """What debugging leaves behind: a matrix product on several threads, a backward pass."""
    torch.set_num_threads(2)
    try:
        (x @ x).sum().backward()
    finally:
        torch.set_num_threads(1)


SAMPLES = 128  # of `read`


def listed(setup, batch, pause=0.0):
    """A loss, and a line for the samples that it is of, in a file of this process."""
    x, y, numbers = batch
    with open(f"{os.environ['SEEN']}-{os.environ['RANK']}-{os.getpid()}", "a") as file:
        print(*numbers.tolist(), file=file)
    time.sleep(pause)
    return nn.functional.cross_entropy(setup.model(x), y)


def read(workers=0, pause=0.0):
    """Says which samples it sees."""
    torch.manual_seed(0)
    x = torch.randn(SAMPLES, 4)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long(), torch.arange(SAMPLES)), batch_size=4, shuffle=True, num_workers=workers)
    return TrainingSetup(model, None, torch.optim.Adam(model.parameters()), loader, batch_loss=partial(listed, pause=pause))


def environment(ctx, name):
    return os.environ.get(name)
