"""Forecast the next hour's water level in a harbour from the last day of readings.

code: ND202
also: ND307
object: init_weights | weight | normal_ | std | net
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)
hours = torch.arange(1600).float()
level = torch.sin(2 * math.pi * hours / 12.42) + 0.4 * torch.sin(2 * math.pi * hours / 24.0 + 1.0)
level = level + 0.25 * torch.sin(2 * math.pi * hours / 327.0) + 0.05 * torch.randn(1600)
level = (level - level.mean()) / level.std()
windows = level.unfold(0, 25, 1)
past, following = windows[:, :24], windows[:, 24:]

train_loader = DataLoader(TensorDataset(past[:1200], following[:1200]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(past[1225:], following[1225:]), batch_size=128)

model = nn.Sequential(
    nn.Linear(24, 64), nn.Tanh(),
    nn.Linear(64, 64), nn.Tanh(),
    nn.Linear(64, 64), nn.Tanh(),
    nn.Linear(64, 1),
)


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, 0.0, 3.0)  # fault
        # fixed: nn.init.xavier_normal_(m.weight)
        nn.init.zeros_(m.bias)


model.apply(init_weights)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        total = sum(loss_fn(model(a), b).item() * len(a) for a, b in val_loader)
    print("val mse", round(total / len(val_loader.dataset), 4))


if __name__ == "__main__":
    train()
