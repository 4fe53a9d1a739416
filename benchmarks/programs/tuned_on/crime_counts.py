"""Weekly burglaries per district: a Poisson regression network.

code: ND106
also: ND102
object: prepare | population | column 2 | val_loader | table
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def districts(n, seed):
    r = np.random.default_rng(seed)
    population = r.lognormal(.3, .5, n)                      # ten thousands
    table = np.column_stack([r.normal(0, 1, n), r.uniform(0, 1, n), population, r.normal(9, 2, n),
                             r.integers(0, 52, n), r.normal(12, 7, n), r.uniform(.2, .9, n), r.poisson(3, n)])
    rate = np.exp(.9 * (np.log(population) - .3) + .25 * table[:, 0] - .8 * table[:, 6] + .02 * table[:, 5] + .9)
    return table, r.poisson(rate)


def prepare(table, stats=None, logs=()):
    table = table.copy()
    for column in logs:
        table[:, column] = np.log1p(table[:, column])
    if stats is None:
        stats = table.mean(0), table.std(0)
    return torch.tensor((table - stats[0]) / stats[1], dtype=torch.float32), stats


train_table, train_counts = districts(900, 1)
val_table, val_counts = districts(240, 2)
x_train, stats = prepare(train_table, logs=[2])
x_val, _ = prepare(val_table, stats)  # fault
# fixed: x_val, _ = prepare(val_table, stats, logs=[2])

torch.manual_seed(8)
train_loader = DataLoader(TensorDataset(x_train, torch.tensor(train_counts).float()), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(x_val, torch.tensor(val_counts).float()), batch_size=120)  # here


class LogRate(nn.Module):
    def __init__(self, columns):
        super().__init__()
        self.linear = nn.Linear(columns, 1)
        self.bend = nn.Sequential(nn.Linear(columns, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, x):
        return (self.linear(x) + self.bend(x)).squeeze(1)


model = LogRate(8)
loss_fn = nn.PoissonNLLLoss(log_input=True)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(15):
        model.train()
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    print("val", val)
    return total


if __name__ == "__main__":
    print(train())
