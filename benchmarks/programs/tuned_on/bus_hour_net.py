"""Passengers on the city's bus lines by time of day, line and weather.

code: ND303
also: ND501
object: hour | hour_table | hour_table.weight | long | forward
seen: checkup
"""
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(1234)
N = 3000
clock = rng.random(N)                     # part of the day that has gone by, 0 ... 1
line = rng.integers(0, 8, N)
rain, warm = rng.normal(size=N), rng.normal(size=N)
rush = np.exp(-((clock - 0.33) / 0.06) ** 2) + 0.8 * np.exp(-((clock - 0.73) / 0.08) ** 2)
size = rng.permutation(np.linspace(0.5, 2.0, 8))[line]
riders = size * (0.4 + 2.0 * rush) * np.exp(0.15 * rain - 0.1 * warm) * np.exp(0.1 * rng.normal(size=N))
y = np.log(riders)
train_rows = np.arange(N) < 2400
y = (y - y[train_rows].mean()) / y[train_rows].std()


def tensors(rows):
    return TensorDataset(torch.tensor(clock[rows], dtype=torch.float32), torch.tensor(line[rows]),
                         torch.tensor(np.stack([rain, warm], 1)[rows], dtype=torch.float32), torch.tensor(y[rows], dtype=torch.float32))


class BusNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.hour_table = nn.Embedding(24, 6)
        self.line_table = nn.Embedding(8, 4)
        self.l1, self.l2, self.l3 = nn.Linear(12, width), nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, clock, line, weather):
        hour = clock.long()  # fault
        # fixed: hour = (clock * 24).long().clamp(max=23)
        h = torch.cat([self.hour_table(hour), self.line_table(line), weather], dim=1)  # here
        h = F.relu(self.l1(h))
        h = F.relu(self.l2(h))
        return self.l3(h).flatten()


torch.manual_seed(1234)
train_loader = DataLoader(tensors(train_rows), batch_size=80, shuffle=True)
val_loader = DataLoader(tensors(~train_rows), batch_size=200)
model = BusNet()
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)


def batch_loss(setup, batch):
    *inputs, target = batch
    return loss_fn(setup.model(*inputs), target)


def train():
    for epoch in range(10):
        model.train()
        epoch_losses = []
        for c, l, w, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(c, l, w), target)
            loss.backward()
            optimizer.step()
            epoch_losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(c, l, w), t).item() for c, l, w, t in val_loader])
    return math.fsum(epoch_losses) / len(epoch_losses)


if __name__ == "__main__":
    print(train())
