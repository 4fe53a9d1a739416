"""The temperature along a heated rod as a function of place and time.

code: ND203
also:
object: layers | list | RodNet | self.layers
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)


def temperature(p):
    x, t = p[:, 0], p[:, 1]
    a = torch.sin(math.pi * 2 * x) * torch.exp(-t)
    b = torch.sin(math.pi * 4 * x) * torch.exp(-2 * t)
    return (a + 0.7 * b)[:, None]


class RodNet(nn.Module):
    def __init__(self, width=24, hidden=4):
        super().__init__()
        self.layers = []  # fault
        # fixed: self.layers = nn.ModuleList()
        size = 2
        for _ in range(hidden):
            self.layers.append(nn.Linear(size, width))  # here
            size = width
        self.out = nn.Linear(width, 1)

    def forward(self, p):
        h = p
        for layer in self.layers:
            h = torch.tanh(layer(h))
        return self.out(h)


points = torch.rand(1500, 2) * 2 - 1
points[:, 1] = (points[:, 1] + 1) / 2
heat = temperature(points) + 0.02 * torch.randn(1500, 1)
train_loader = DataLoader(TensorDataset(points[:1200], heat[:1200]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(points[1200:], heat[1200:]), batch_size=300)

model = RodNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(20):
        model.train()
        for p, h in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(p), h)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for p, h in val_loader:
            print("val mse", loss_fn(model(p), h).item(), "variance", h.var().item())


if __name__ == "__main__":
    train()
